/**
 * Bytes that an image carries and nobody sees: what a later layer overwrites or deletes; and content that shows several
 * times. By path, by the instruction that hides it, each with what to do about it. `image check` goes by the same
 * numbers.
 */
import { LEAST_HASHED } from '../database/read-archive.js'
import { Flag, Type } from '../database/schema.js'
import { told, type ViewContext } from './context.js'
import { reasonOf } from './entry.js'
import type { Query } from './query.js'
import type { Duplicate, Instruction, Waste, WastedPath } from './types.js'
import { sumOf, wastedSums } from './waste-sums.js'

/** Groups of duplicates that are told, and paths of each. */
const MOST_GROUPS = 100
const MOST_PATHS = 20

/** The sums, without lists. */
type WasteTotals = Pick<Waste, 'bytes' | 'wasted' | 'ratio' | 'overwritten' | 'deleted'>

function wasteTotals(context: ViewContext): WasteTotals {
  const bytes = context.index.sql('SELECT coalesce(sum(bytes), 0) FROM layers').pluck().get() as number
  const sums = wastedSums(context)
  const wasted = sumOf(sums)
  const over = sumOf(sums.filter(({ overwritten }) => overwritten))
  return { bytes, wasted, ratio: bytes === 0 ? 0 : wasted / bytes, overwritten: over, deleted: wasted - over }
}

/** All of it; the paths page by page, the largest first. */
export function wasteView(context: ViewContext, query: Query): Waste {
  const select = 'SELECT node FROM wasted_entries GROUP BY node ORDER BY sum(bytes) DESC, node'
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
    sql: 'SELECT path, sum(bytes) AS bytes, group_concat(layer) AS layers FROM wasted GROUP BY path ORDER BY 2 DESC',
  }
}

interface WastedRow {
  readonly layer: number
  readonly bytes: number
  readonly hidden_by: number
  readonly why: number
  readonly hash: Buffer | null
}

function wastedPath(context: ViewContext, node: number): WastedPath {
  const sql = 'SELECT layer, bytes, hidden_by, why, hash FROM wasted_entries WHERE node = ? ORDER BY layer, hidden_by'
  const rows = context.index.sql(sql).all(node) as WastedRow[]
  const last = rows.at(-1)!
  const { name: path, raw } = told(context.pathOf(node))
  const sameContent = rows.some((row) => hasSameContent(context, node, row))
  const why = reasonOf(last.why)
  return {
    path,
    ...(raw === undefined ? {} : { raw }),
    bytes: rows.reduce((sum, { bytes }) => sum + bytes, 0),
    layers: [...new Set(rows.map(({ layer }) => layer))],
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
  if (from === by) return `write it once: ${by} holds it several times`
  if (why === 'replaced' || why === 'parent-replaced') return `write it once: ${by} overwrites what ${from} wrote`
  return `delete it in the step that makes it: ${by} deletes what ${from} wrote`
}

function instructionsOf(context: ViewContext): Instruction[] {
  const sums = wastedSums(context)
  const layers = [...new Set(sums.map(({ by }) => by))]
  const instructions = layers.map((layer) => {
    const own = sums.filter(({ by }) => by === layer)
    const holders = [...new Set(own.map((sum) => sum.layer))]
    return {
      layer,
      label: nameOf(context, layer),
      command: context.source.layers[layer]!.command,
      bytes: sumOf(own),
      files: own.reduce((count, { files }) => count + files, 0),
      of: holders.map((from) => ({ layer: from, bytes: sumOf(own.filter((sum) => sum.layer === from)) })),
      fix: adviceOf(context, layer, holders),
    }
  })
  return instructions.sort((a, b) => b.bytes - a.bytes)
}

function adviceOf(context: ViewContext, layer: number, holders: readonly number[]): string {
  const others = holders.filter((from) => from !== layer)
  if (others.length === 0) return `it holds files twice under one name: write each once`
  return `in one step with ${others.map((from) => nameOf(context, from)).join(', ')} it costs nothing`
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
