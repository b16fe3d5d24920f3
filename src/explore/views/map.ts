/** Where the bytes are: a directory's largest entries, three levels deep, each split by the layers that hold them. */
import { fromColumn, type IndexFile } from '../database/index-file.js'
import { Type } from '../database/schema.js'
import { pasted, told, type ViewContext } from './context.js'
import type { Query } from './query.js'
import type { MapNode, MapView } from './types.js'

/** Entries that are told one by one; the rest is one entry. */
const MOST = [48, 16, 8] as const

type Child = [node: number, name: unknown, path: unknown, bytes: number]

/** Bytes of which layers, as who looks up to `layer` sees them. */
interface Range {
  readonly from: number
  readonly to: number
  readonly layer: number
}

const CHILDREN = `SELECT n.node, n.name, n.path, b.bytes FROM nodes n JOIN (
    SELECT s.node AS node, sum(s.bytes) AS bytes FROM sums s WHERE s.layer BETWEEN :from AND :to
      AND s.hidden_by > :layer AND s.node IN (SELECT node FROM nodes WHERE parent = :parent AND path IS NOT NULL)
    GROUP BY s.node
    UNION ALL
    SELECT e.node, e.size FROM entries e JOIN nodes f USING (node) WHERE f.parent = :parent AND e.layer BETWEEN :from
      AND :to AND e.type = ${Type.FILE} AND (e.hidden_by IS NULL OR e.hidden_by > :layer)) b USING (node)
  WHERE b.bytes > 0 ORDER BY b.bytes DESC LIMIT :most`

/** What shows below a path up to a layer, as a treemap draws it; `in`: of one layer; `by=layer`: each layer apart. */
export function mapView(context: ViewContext, query: Query): MapView {
  const layer = context.layerOf(query)
  const node = context.nodeOf(query)
  const path = `/${Buffer.from(query.path, 'latin1').toString('utf8')}`
  const only = query.get('in') === null ? null : query.number('in', 0, 0, layer)
  const range = { from: only ?? 0, to: only ?? layer, layer }
  const sql = pasted(
    `SELECT path, sum(size) AS bytes FROM files WHERE path LIKE ? AND layer BETWEEN ? AND ?
      AND coalesce(hidden_by, 1e9) > ? AND kind = 'file' GROUP BY path ORDER BY bytes DESC LIMIT 100`,
    [path === '/' ? '/%' : `${path}/%`, range.from, range.to, layer],
  )
  const name = query.path.slice(query.path.lastIndexOf('/') + 1)
  const isByLayer = query.get('by') === 'layer'
  const found = mapNode(context.index, node, name, range, isByLayer ? MOST.length : 0)
  return { path, node: isByLayer ? byLayer(context, node, found, layer) : found, sql }
}

/** `whole` with a child for each layer. */
function byLayer({ index, source }: ViewContext, node: number, whole: MapNode, layer: number): MapNode {
  const children = whole.layers.map(([own, bytes]): MapNode => {
    const range = { from: own, to: own, layer }
    const plain = { name: source.layers[own]!.label, layer: own, directory: true, size: bytes }
    return { ...plain, layers: [[own, bytes]], children: childrenOf(index, node, range, 1, bytes) }
  })
  return { ...whole, children }
}

function mapNode(index: IndexFile, node: number, name: string, range: Range, depth: number): MapNode {
  const split = `SELECT layer, sum(bytes) AS b FROM sums WHERE node = ? AND layer BETWEEN ? AND ? AND hidden_by > ?
    GROUP BY layer ORDER BY b DESC`
  const layers = index.sql(split).raw().all(node, range.from, range.to, range.layer) as [number, number][]
  const size = layers.reduce((sum, [, bytes]) => sum + bytes, 0)
  const plain = { ...told(name), directory: true, size, layers: layers.filter(([, bytes]) => bytes > 0) }
  return depth < MOST.length ? { ...plain, children: childrenOf(index, node, range, depth, size) } : plain
}

function childrenOf(index: IndexFile, parent: number, range: Range, depth: number, whole: number): MapNode[] {
  const found = index
    .sql(CHILDREN)
    .raw()
    .all({ parent, ...range, most: MOST[depth] }) as Child[]
  const children = found.map(([node, name, path, bytes]): MapNode => {
    if (path !== null) return mapNode(index, node, fromColumn(name), range, depth + 1)
    const sql = `SELECT layer FROM entries WHERE node = ? AND layer BETWEEN ? AND ? AND type = ${Type.FILE}
      AND (hidden_by IS NULL OR hidden_by > ?) ORDER BY layer DESC LIMIT 1`
    const owner = index.sql(sql).pluck().get(node, range.from, range.to, range.layer) as number
    return { ...told(fromColumn(name)), directory: false, size: bytes, layers: [[owner, bytes]] }
  })
  const rest = whole - children.reduce((sum, { size }) => sum + size, 0)
  return rest > 0 ? [...children, { name: '…', directory: false, size: rest, layers: [] }] : children
}
