/**
 * From a directory's row to the rows in it, in memory or left in the database, once they have been found to add up: a row that
 * is missing would be a file that is missing.
 */

import { bytesOf } from '../layers/marks.js'
import { GrowingRows } from './growing-rows.js'
import type { Statements } from './reader.js'
import { AskedRows, type AskedRowsOptions, LoadedRows, NOT_ADDING_UP } from './row-sources.js'
import type { RawRow } from './stat-rows.js'
import type { RowSource } from './view.js'

/** A directory with more names than this is asked name by name. */
const LOADED_AT_MOST = 4096

/** A row of `dirs` as Sql.findDir selects it: id, layers, stamps, read_at, racy, flags, count, sum. */
export type DirRow = [number, Buffer, Buffer, number, number, number, number, number]

/** What it takes to load a directory's rows. */
export interface Loading {
  readonly statements: Statements
  readonly path: string
  /** The directory, as it was found, and the layers that it joins. */
  readonly row: DirRow
  readonly layers: readonly number[]
  /** With what it takes to answer without a look. */
  readonly whole: boolean
  /** Hears of rows that do not add up, and of what SQLite throws, now or later. */
  readonly fail: (error: unknown) => void
}

/** The rows of a directory; null where they cannot be had. Whole rows are more to read: they are asked for one by one at first. */
export function loadRows(loading: Loading): RowSource | null {
  const { row, whole } = loading
  if (!whole) return loadAll(loading)
  const count = row[COUNT]
  const size = count > LOADED_AT_MOST ? 0 : count
  return new GrowingRows(size, count, new AskedRows(askedFrom(loading)), {
    names: () => loadAll({ ...loading, whole: false }),
    all: () => loadAll(loading),
  })
}

const COUNT = 6
const SUM = 7

function askedFrom({ statements, row, layers, whole, fail }: Loading): AskedRowsOptions {
  return {
    one: whole ? statements.oneWhole : statements.one,
    whole,
    all: statements.rows,
    id: row[0],
    positions: new Map(layers.map((layer, at) => [layer, at])),
    fail,
  }
}

function loadAll(loading: Loading): RowSource | null {
  const { statements, row, whole, fail } = loading
  const [id, , , , , , count, sum] = row
  const asked = askedFrom(loading)
  try {
    if (count > LOADED_AT_MOST) {
      if (AskedRows.addUp(asked, sum)) return new AskedRows(asked)
    } else {
      const all = whole ? statements.wholeRows : statements.rows
      const raw = all.raw().all(id) as RawRow[]
      const loaded = raw.length === count ? LoadedRows.load(raw, asked.positions, sum, whole) : null
      if (loaded !== null) return loaded
    }
    if (isAsFound(loading)) fail(NOT_ADDING_UP)
  } catch (error) {
    fail(error)
  }
  return null
}

/** Whether the directory's row is still the one that was found: the writer may have read the directory again meanwhile. */
function isAsFound({ statements, path, row }: Loading): boolean {
  const now = statements.findDir.raw().get(bytesOf(path)) as DirRow | undefined
  return now !== undefined && now[COUNT] === row[COUNT] && now[SUM] === row[SUM]
}
