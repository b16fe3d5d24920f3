/**
 * Loads the rows of a directory, into memory or as queries, once they add up: a missing row would be a missing file.
 */

import { bytesOf, latin1 } from '../../layers/marks.js'
import { S_IFDIR, S_IFMT } from '../../syscalls/constants.js'
import type { Statement } from '../database/database.js'
import { keyOf } from '../database/place.js'
import type { RawRow } from '../database/stat-rows.js'
import { LazyRows } from './lazy-rows.js'
import { CHECKSUM_MISMATCH, type Columns, LoadedRows, type RowsDirectory } from './loaded-rows.js'
import { type AskedRowsOptions, QueriedRows } from './queried-rows.js'
import type { Statements } from './reader.js'
import type { RowSource } from './view-contract.js'

/** A directory with more names than this is asked name by name. */
const LOADED_AT_MOST = 4096

/** A row of `dirs` as Sql.findDir selects it: id, layers, read_at, racy, flags, count, sum. */
export type DirRow = [number, Buffer, number, number, number, number, number]

/** What it takes to load a directory's rows. */
interface Loading {
  readonly statements: Statements
  readonly path: string
  /** The directory, as it was found. */
  readonly row: DirRow
  readonly directory: RowsDirectory
  /** With what it takes to answer without a look. */
  readonly whole: boolean
  /** Hears of rows that do not add up, and of what SQLite throws, now or later. */
  readonly fail: (error: unknown) => void
}

/**
 * The rows of a directory; null where they cannot be had. Whole rows are more to read: they are asked for one by one at
 * first.
 */
export function loadRows(loading: Loading): RowSource | null {
  const { row, whole } = loading
  if (!whole) return loadAll(loading)
  const count = row[COUNT]
  const size = count > LOADED_AT_MOST ? 0 : count
  return new LazyRows(size, count, new QueriedRows(askedFrom(loading)), {
    names: () => loadAll({ ...loading, whole: false }),
    all: () => loadAll(loading),
  })
}

const ID = 0
const COUNT = 5
const SUM = 6

/**
 * The layers that own any of the rows of the directory found as `row`, top first; null where it has very many. Throws
 * what SQLite throws.
 */
export function ownersOf(statements: Statements, row: DirRow): number[] | null {
  if (row[COUNT] > LOADED_AT_MOST) return null
  return (statements.owners.raw().all(row[ID]) as [number][]).map(([layer]) => layer)
}

function askedFrom({ statements, row, directory, whole, fail }: Loading): AskedRowsOptions {
  return {
    one: whole ? statements.oneWhole : statements.one,
    whole,
    all: statements.rows,
    id: row[ID],
    directory,
    fail,
  }
}

function loadAll(loading: Loading): RowSource | null {
  const { row, whole, fail } = loading
  try {
    if (row[COUNT] > LOADED_AT_MOST) {
      const asked = askedFrom(loading)
      if (QueriedRows.addUp(asked, row[SUM])) return new QueriedRows(asked)
    } else {
      const loaded = (whole ? wholeByColumns(loading) : byColumns(loading)) ?? byRows(loading)
      if (loaded !== null) return loaded
    }
    if (isAsFound(loading)) fail(CHECKSUM_MISMATCH)
  } catch (error) {
    fail(error)
  }
  return null
}

function byRows({ statements, row, directory, whole }: Loading): LoadedRows | null {
  const raw = (whole ? statements.wholeRows : statements.rows).raw().all(row[ID]) as RawRow[]
  return raw.length === row[COUNT] ? LoadedRows.load(raw, directory, row[SUM], whole) : null
}

/** The names of a directory, their numbers column by column, and the layers of those that join several. */
interface Told {
  readonly names: readonly string[]
  readonly columns: readonly (readonly number[])[]
  readonly joined: ReadonlyMap<string, Buffer>
}

const MODE_COLUMN = 2

/**
 * Each column as one text: a value that better-sqlite3 hands over costs some 0.3 µs, a number in JSON a tenth of that.
 * Null where the rows do not add up, or not in this way.
 */
function byColumns(loading: Loading): LoadedRows | null {
  const { statements, row, directory } = loading
  const told = columnsOf(loading, statements.columns)
  if (told === null) return null
  const { names, columns, joined } = told
  const [layer, flags, mode, ino, ctime, ctimeNs] = columns
  return LoadedRows.ofColumns(
    { names, layer, flags, mode, ino, ctime, ctimeNs } as Columns,
    joined,
    directory,
    row[SUM],
  )
}

/** The same of whole rows. */
function wholeByColumns(loading: Loading): LoadedRows | null {
  const { statements, row, directory } = loading
  const told = columnsOf(loading, statements.wholeColumns)
  if (told === null) return null
  const [layer, ...others] = told.columns
  const raw = told.names.map((name, i) => [
    bytesOf(name),
    layer![i]!,
    told.joined.get(name) ?? null,
    ...others.map((column) => column[i]!),
  ])
  return LoadedRows.load(raw as unknown as RawRow[], directory, row[SUM], true)
}

function columnsOf({ statements, row }: Loading, statement: Statement): Told | null {
  const id = row[ID]
  const [all, largest, ...texts] = statement.raw().get(id) as [Buffer | null, number | null, ...string[]]
  // What is stored as a fraction, beyond 2^63, JSON tells in 15 digits.
  if (all === null || !Number.isSafeInteger(largest)) return null
  const names = latin1(all).split('/')
  const columns = texts.map((text) => JSON.parse(text) as number[])
  if (names.length !== row[COUNT] || columns[0]!.length !== row[COUNT]) return null
  const joins = columns[MODE_COLUMN]!.some((each) => (each & S_IFMT) === S_IFDIR)
  const joined = joins ? (statements.joined.raw().all(id) as [Buffer, Buffer][]) : []
  return { names, columns, joined: new Map(joined.map(([name, layers]) => [latin1(name), layers])) }
}

/**
 * Whether the directory's row is still the one that was found: the writer may have read the directory again meanwhile.
 */
function isAsFound({ statements, path, row }: Loading): boolean {
  const now = statements.findDir.raw().get(keyOf(path)) as DirRow | undefined
  return now !== undefined && now[COUNT] === row[COUNT] && now[SUM] === row[SUM]
}
