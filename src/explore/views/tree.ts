/** The merged tree up to a layer, one directory at a time, page by page: what shows, and ghosts of what does not. */
import { pasted, type ViewContext } from './context.js'
import { entryAt } from './entry.js'
import type { Query } from './query.js'
import type { Entry, Tree } from './types.js'

/** What layer :layer did to the name n.node; as changeOf in entry.ts. */
const CHANGE = `(SELECT CASE
    WHEN max(CASE WHEN e.layer = :layer AND e.type <> 0 THEN 1 ELSE 0 END) = 1
    THEN CASE WHEN max(CASE WHEN e.layer < :layer AND e.type <> 0 AND (e.hidden_by IS NULL OR e.hidden_by >= :layer)
      THEN 1 ELSE 0 END) = 1 THEN 'C' ELSE 'A' END
    WHEN max(CASE WHEN e.type <> 0 AND e.hidden_by = :layer THEN 1 ELSE 0 END) = 1 THEN 'D' ELSE 'U' END
  FROM entries e WHERE e.node = n.node AND e.layer <= :layer)`

const SHOWN = `EXISTS(SELECT 1 FROM entries e WHERE e.node = n.node AND e.layer <= :layer AND e.type <> 0
  AND (e.hidden_by IS NULL OR e.hidden_by > :layer))`

const SIZE = `coalesce((SELECT sum(s.bytes) FROM sums s WHERE s.node = n.node AND s.layer <= :layer
    AND s.hidden_by > :layer), 0)
  + coalesce((SELECT sum(e.size) FROM entries e WHERE e.node = n.node AND e.layer <= :layer AND e.type = 8
    AND (e.hidden_by IS NULL OR e.hidden_by > :layer)), 0)`

/** The size of what the layer itself has. */
const OWN = `coalesce((SELECT sum(s.bytes) FROM sums s WHERE s.node = n.node AND s.layer = :layer), 0)
  + coalesce((SELECT e.size FROM entries e WHERE e.node = n.node AND e.layer = :layer AND e.type = 8), 0)`

/** Rows of the directory `path`; `layer`: up to there; `only`: what that layer itself has. */
export function treeView(context: ViewContext, query: Query): Tree {
  const layer = context.layerOf(query)
  const parent = context.nodeOf(query)
  const { total, nodes } = childrenOf(context, query, parent, layer)
  const found = nodes.map((node) => entryAt(context.index, node, layer))
  const rows = found.filter((entry): entry is Entry => entry !== null)
  const { version } = context.filling
  return { path: shownPath(query), total, offset: query.offset, rows, version, sql: treeSql(query, layer) }
}

function shownPath(query: Query): string {
  return `/${Buffer.from(query.path, 'latin1').toString('utf8')}`
}

function childrenOf(context: ViewContext, query: Query, parent: number, layer: number) {
  const conditions = conditionsOf(query)
  const bySize = query.get('sort') === 'size'
  // A directory of a million names is paged through as it lies.
  if (conditions.length === 0 && !bySize && layer === context.top) return plainChildren(context, query, parent)
  const size = query.flag('only') ? OWN : SIZE
  const has = 'EXISTS(SELECT 1 FROM entries e WHERE e.node = n.node AND e.layer <= :layer)'
  const where = ['n.parent = :parent', has, ...conditions].join(' AND ')
  const sql = `SELECT n.node FROM nodes n WHERE ${where} ORDER BY ${bySize ? `${size} DESC, ` : ''}n.name`
  return context.page(query.key, sql, [{ parent, layer }], query)
}

function conditionsOf(query: Query): string[] {
  const kinds = query.get('changes')?.replace(/[^ACDU]/g, '') ?? ''
  return [
    ...(query.flag('only') ? ['EXISTS(SELECT 1 FROM entries e WHERE e.node = n.node AND e.layer = :layer)'] : []),
    ...(query.get('ghosts') === '0' ? [SHOWN] : []),
    ...(kinds === '' ? [] : [`${CHANGE} IN (${[...kinds].map((kind) => `'${kind}'`).join(', ')})`]),
  ]
}

function plainChildren({ index }: ViewContext, { offset, limit }: Query, parent: number) {
  const total = index.sql('SELECT count(*) FROM nodes WHERE parent = ?').pluck().get(parent) as number
  const sql = 'SELECT node FROM nodes WHERE parent = ? ORDER BY name LIMIT ? OFFSET ?'
  return { total, nodes: index.sql(sql).pluck().all(parent, limit, offset) as number[] }
}

function treeSql(query: Query, layer: number): string {
  const path = shownPath(query)
  const below = path === '/' ? '/%' : `${path}/%`
  const sql = `SELECT path, layer, kind, size, hidden_by, why FROM files
    WHERE path LIKE ? AND path NOT LIKE ? AND ${query.flag('only') ? 'layer =' : 'layer <='} ?`
  return pasted(sql, [below, `${below}/%`, layer])
}
