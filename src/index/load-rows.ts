/**
 * From a directory's row to the rows in it, in memory or left in the database, once they have been found to add up: a row that
 * is missing would be a file that is missing.
 */
import type { Statements } from './reader.js'
import { AskedRows, LoadedRows, type Sums } from './row-sources.js'
import type { RawRow } from './stat-rows.js'
import type { RowSource } from './view.js'

/** A directory with more names than this is asked name by name. */
const LOADED_AT_MOST = 4096

/** A row of `dirs` as Sql.findDir selects it: id, layers, stamps, read_at, racy, flags, count, sum, record_sum. */
export type DirRow = [number, Buffer, Buffer, number, number, number, number, number, number]

/**
 * The rows of the directory that `row` describes, which joins `layers`; null where they do not add up. `whole`: with what it takes
 * to answer without a look. Throws what SQLite throws; what goes wrong later is told to `fail`.
 */
export function loadRows(
  { rows, one }: Statements,
  row: DirRow,
  layers: readonly number[],
  whole: boolean,
  fail: (error: unknown) => void,
): RowSource | null {
  const [id, , , , , , count, sum, recordSum] = row
  const positions = new Map(layers.map((layer, at) => [layer, at]))
  const sums: Sums = { rows: sum, records: whole ? recordSum : 0 }
  if (count > LOADED_AT_MOST) return AskedRows.check({ one, all: rows, whole, id, positions, fail }, sums)
  const raw = rows.raw().all(id) as RawRow[]
  return raw.length === count ? LoadedRows.load(raw, positions, sums, whole) : null
}
