/** Where the bytes are: a directory's largest entries, three levels deep, each split by the layers that hold them. */
import { fromColumn, type IndexFile } from '../database/index-file.js'
import { Type } from '../database/schema.js'
import { pasted, told, type ViewContext } from './context.js'
import type { Query } from './query.js'
import type { MapNode, MapView } from './types.js'

/** Entries that are told one by one; the rest is one entry. */
const MOST = [48, 16, 8] as const

type Child = [node: number, name: unknown, path: unknown, bytes: number]

const CHILDREN = `SELECT n.node, n.name, n.path, b.bytes FROM nodes n JOIN (
    SELECT s.node AS node, sum(s.bytes) AS bytes FROM sums s WHERE s.layer <= :layer AND s.hidden_by > :layer
      AND s.node IN (SELECT node FROM nodes WHERE parent = :parent AND path IS NOT NULL) GROUP BY s.node
    UNION ALL
    SELECT e.node, e.size FROM entries e JOIN nodes f USING (node) WHERE f.parent = :parent AND e.layer <= :layer
      AND e.type = ${Type.FILE} AND (e.hidden_by IS NULL OR e.hidden_by > :layer)) b USING (node)
  WHERE b.bytes > 0 ORDER BY b.bytes DESC LIMIT :most`

/** What shows below a path up to a layer, as a treemap draws it. */
export function mapView(context: ViewContext, query: Query): MapView {
  const layer = context.layerOf(query)
  const node = context.nodeOf(query)
  const path = `/${Buffer.from(query.path, 'latin1').toString('utf8')}`
  const sql = pasted(
    `SELECT path, sum(size) AS bytes FROM files WHERE path LIKE ? AND layer <= ? AND coalesce(hidden_by, 1e9) > ?
      AND kind = 'file' GROUP BY path ORDER BY bytes DESC LIMIT 100`,
    [path === '/' ? '/%' : `${path}/%`, layer, layer],
  )
  const name = query.path.slice(query.path.lastIndexOf('/') + 1)
  return { path, node: mapNode(context.index, node, name, layer, 0), sql }
}

function mapNode(index: IndexFile, node: number, name: string, layer: number, depth: number): MapNode {
  const split = `SELECT layer, sum(bytes) AS b FROM sums WHERE node = ? AND layer <= ? AND hidden_by > ?
    GROUP BY layer ORDER BY b DESC`
  const layers = index.sql(split).raw().all(node, layer, layer) as [number, number][]
  const size = layers.reduce((sum, [, bytes]) => sum + bytes, 0)
  const plain = { ...told(name), directory: true, size, layers: layers.filter(([, bytes]) => bytes > 0) }
  return depth < MOST.length ? { ...plain, children: childrenOf(index, node, layer, depth, size) } : plain
}

function childrenOf(index: IndexFile, parent: number, layer: number, depth: number, whole: number): MapNode[] {
  const found = index.sql(CHILDREN).raw().all({ parent, layer, most: MOST[depth] }) as Child[]
  const children = found.map(([node, name, path, bytes]): MapNode => {
    if (path !== null) return mapNode(index, node, fromColumn(name), layer, depth + 1)
    const sql = `SELECT layer FROM entries WHERE node = ? AND layer <= ? AND type = ${Type.FILE}
      AND (hidden_by IS NULL OR hidden_by > ?) ORDER BY layer DESC LIMIT 1`
    const owner = index.sql(sql).pluck().get(node, layer, layer) as number
    return { ...told(fromColumn(name)), directory: false, size: bytes, layers: [[owner, bytes]] }
  })
  const rest = whole - children.reduce((sum, { size }) => sum + size, 0)
  return rest > 0 ? [...children, { name: '…', directory: false, size: rest, layers: [] }] : children
}
