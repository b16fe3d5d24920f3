/**
 * Bytes that an image carries and nobody sees: what a later layer overwrites or deletes; and content that shows several
 * times. By path, by the instruction that hides it, each with what to do about it. `image check` goes by the same
 * numbers.
 */
import { LEAST_HASHED } from '../database/read-archive.js'
import { Flag, Type, Why } from '../database/schema.js'
import { told, type ViewContext } from './context.js'
import { ALWAYS, reasonOf } from './entry.js'
import type { Query } from './query.js'
import type { Duplicate, Instruction, Waste, WastedPath } from './types.js'

/** Groups of duplicates that are told, and paths of each. */
const MOST_GROUPS = 100
const MOST_PATHS = 20

const WASTED = `type = ${Type.FILE} AND size > 0 AND hidden_by IS NOT NULL
  AND flags & ${Flag.RELOCATED | Flag.MOVED} = 0`

/** The sums, without lists. */
type WasteTotals = Pick<Waste, 'bytes' | 'wasted' | 'ratio' | 'overwritten' | 'deleted'>

function wasteTotals({ index }: ViewContext): WasteTotals {
  const bytes = index.sql('SELECT coalesce(sum(bytes), 0) FROM layers').pluck().get() as number
  const sql = `SELECT coalesce(sum(size), 0), coalesce(sum(CASE WHEN why IN (${Why.REPLACED}, ${Why.PARENT_REPLACED})
    THEN size END), 0) FROM entries WHERE ${WASTED}`
  const [wasted, overwritten] = index.sql(sql).raw().get() as [number, number]
  return { bytes, wasted, ratio: bytes === 0 ? 0 : wasted / bytes, overwritten, deleted: wasted - overwritten }
}

/** All of it; the paths page by page, the largest first. */
export function wasteView(context: ViewContext, query: Query): Waste {
  const select = `SELECT node FROM entries WHERE ${WASTED} GROUP BY node ORDER BY sum(size) DESC, node`
  const { total, nodes } = context.page(query.key, select, [], query)
  const duplicates = context.filling.isHashed ? duplicatesOf(context) : null
  return {
    complete: context.filling.isComplete,
    version: context.filling.version,
    ...wasteTotals(context),
    instructions: instructionsOf(context),
    total,
    offset: query.offset,
    rows: nodes.map((node) => wastedPath(context, node)),
    duplicates,
    duplicated: duplicates === null ? null : duplicatedBytes(context),
    sql: `SELECT path, sum(size) AS wasted, group_concat(layer) AS layers FROM files WHERE kind = 'file' AND hidden_by
      IS NOT NULL GROUP BY path ORDER BY wasted DESC`.replace(/\s+/g, ' '),
  }
}

interface WastedRow {
  readonly layer: number
  readonly size: number
  readonly hidden_by: number
  readonly why: number
  readonly hash: Buffer | null
}

function wastedPath(context: ViewContext, node: number): WastedPath {
  const sql = `SELECT layer, size, hidden_by, why, hash FROM entries WHERE node = ? AND ${WASTED} ORDER BY layer`
  const rows = context.index.sql(sql).all(node) as WastedRow[]
  const last = rows.at(-1)!
  const { name: path, raw } = told(context.pathOf(node))
  const sameContent = rows.some((row) => hasSameContent(context, node, row))
  const why = reasonOf(last.why)
  return {
    path,
    ...(raw === undefined ? {} : { raw }),
    bytes: rows.reduce((sum, { size }) => sum + size, 0),
    layers: rows.map(({ layer }) => layer),
    by: last.hidden_by,
    why,
    sameContent,
    fix: fixOf(why, sameContent, nameOf(context, last.layer), nameOf(context, last.hidden_by)),
  }
}

function hasSameContent({ index }: ViewContext, node: number, { hash, hidden_by }: WastedRow): boolean {
  if (hash === null) return false
  const sql = 'SELECT hash FROM entries WHERE node = ? AND layer = ?'
  const above = index.sql(sql).pluck().get(node, hidden_by) as Buffer | null | undefined
  return above?.equals(hash) === true
}

function nameOf({ source }: ViewContext, layer: number): string {
  return source.layers[layer]!.label
}

function fixOf(why: WastedPath['why'], sameContent: boolean, from: string, by: string): string {
  if (sameContent) return `${by} changes only its owner, mode or time: do that where ${from} makes it (COPY --chmod)`
  if (why === 'replaced' || why === 'parent-replaced') return `write it once: ${by} overwrites what ${from} wrote`
  return `delete it in the step that makes it: ${by} deletes what ${from} wrote`
}

function instructionsOf(context: ViewContext): Instruction[] {
  const sql = `SELECT hidden_by, layer, sum(bytes), sum(files) FROM sums WHERE node = 1 AND hidden_by < ${ALWAYS}
    GROUP BY hidden_by, layer HAVING sum(bytes) > 0 ORDER BY layer`
  const rows = context.index.sql(sql).raw().all() as [number, number, number, number][]
  const layers = [...new Set(rows.map(([by]) => by))]
  const instructions = layers.map((layer) => {
    const own = rows.filter(([by]) => by === layer)
    const of = own.map(([, from, bytes]) => ({ layer: from, bytes }))
    return {
      layer,
      label: nameOf(context, layer),
      command: context.source.layers[layer]!.command,
      bytes: of.reduce((sum, { bytes }) => sum + bytes, 0),
      files: own.reduce((sum, [, , , files]) => sum + files, 0),
      of,
      fix: `in one step with ${of.map(({ layer: from }) => nameOf(context, from)).join(', ')} it costs nothing`,
    }
  })
  return instructions.sort((a, b) => b.bytes - a.bytes)
}

const GROUPS = `FROM entries WHERE type = ${Type.FILE} AND hidden_by IS NULL AND hash IS NOT NULL
  AND size >= ${LEAST_HASHED} AND flags & ${Flag.MOVED} = 0 GROUP BY size, hash HAVING count(*) > 1`

function duplicatesOf(context: ViewContext): Duplicate[] {
  const sql = `SELECT size, hash, count(*) ${GROUPS} ORDER BY size * (count(*) - 1) DESC LIMIT ${MOST_GROUPS}`
  const groups = context.index.sql(sql).raw().all() as [number, Buffer, number][]
  const find = `SELECT node FROM entries WHERE size = ? AND type = ${Type.FILE} AND hash = ? AND hidden_by IS NULL
    LIMIT ${MOST_PATHS}`
  return groups.map(([size, hash, copies]) => ({
    size,
    copies,
    bytes: size * (copies - 1),
    paths: (context.index.sql(find).pluck().all(size, hash) as number[]).map((node) => told(context.pathOf(node)).name),
  }))
}

function duplicatedBytes({ index }: ViewContext): number {
  const sql = `SELECT coalesce(sum(bytes), 0) FROM (SELECT size * (count(*) - 1) AS bytes ${GROUPS})`
  return index.sql(sql).pluck().get() as number
}
