/**
 * Where a view's rows are. A directory of usual size is read from the database at once, checked against its sum, and kept in
 * flat arrays; one with very many names is asked name by name, and listed straight from the database. Whole rows,
 * with all that stat says, are each known to be intact by a hash of their own; that one is absent only the sum of all can tell.
 */
import { bytesOf, latin1 } from '../layers/marks.js'
import { S_IFMT } from '../syscalls/constants.js'
import type { Statement } from './database.js'
import { EntryFlag } from './entry-flags.js'
import { unpackLayers } from './layer-list.js'
import { checkShare } from './rows.js'
import { emptyRecord, isIntact, type RawRow, Records, setRecord } from './stat-rows.js'
import type { RowSource, ViewRow } from './view.js'

const LISTED = 0
const NUMBERS = 6

/** What is told when rows are not those that were written. */
export const NOT_ADDING_UP = { code: 'rows do not add up' }

/** Rows in memory: six numbers and one reference a name, and the stat records where they are to be had. */
export class LoadedRows implements RowSource {
  readonly #at = new Map<string, number>()
  readonly #numbers: Float64Array
  readonly #joined = new Map<number, number[]>()
  readonly #records: Records | null

  private constructor(
    raw: readonly RawRow[],
    readonly positions: ReadonlyMap<number, number>,
    whole: boolean,
  ) {
    this.#numbers = new Float64Array(raw.length * NUMBERS)
    this.#records = whole ? new Records(raw.length) : null
  }

  /** The rows, or null when they do not add up to `sum`: the database is damaged. `whole`: they have STAT_COLUMNS. */
  static load(
    raw: readonly RawRow[],
    positions: ReadonlyMap<number, number>,
    sum: number,
    whole: boolean,
  ): LoadedRows | null {
    const loaded = new LoadedRows(raw, positions, whole)
    const record = whole ? emptyRecord() : null
    let total = 0
    for (let i = 0; i < raw.length; i++) {
      const row = raw[i]!
      const share = loaded.#take(row, i)
      if (share < 0) return null
      if (record !== null) {
        setRecord(record, row)
        if (!isIntact(row, share, record)) return null
        loaded.#records!.keep(i, record)
      }
      total += share
    }
    return total % 2 ** 32 === sum ? loaded : null
  }

  /** The row's share of the sum, or -1 when it names a layer that is not joined. */
  #take(row: RawRow, i: number): number {
    const layer = row[1]
    const joined = row[2]
    const flags = row[3]
    const mode = row[4]
    const name = row[0].toString('latin1')
    const asked = (flags & EntryFlag.ASK) !== 0
    const at = asked ? 0 : this.positions.get(layer)
    if (at === undefined) return -1
    if (joined !== null && !asked) {
      const parts = unpackLayers(joined).map((each) => this.positions.get(each) ?? -1)
      if (parts.includes(-1)) return -1
      this.#joined.set(i, parts)
    }
    this.#at.set(name, i)
    const numbers = this.#numbers
    const first = i * NUMBERS
    numbers[first] = at
    numbers[first + 1] = flags
    numbers[first + 2] = mode
    numbers[first + 3] = row[5]
    numbers[first + 4] = row[6]
    numbers[first + 5] = row[7]
    return checkShare(name, layer, flags, mode, joined)
  }

  get size(): number {
    return this.#at.size
  }

  row(name: string): ViewRow | null {
    const i = this.#at.get(name)
    if (i === undefined) return null
    const numbers = this.#numbers
    const first = i * NUMBERS
    return {
      at: i,
      parts: this.#joined.get(i) ?? [numbers[first]!],
      flags: numbers[first + 1]!,
      mode: numbers[first + 2]!,
      ino: numbers[first + 3]!,
      ctime: numbers[first + 4]!,
      ctimeNs: numbers[first + 5]!,
    }
  }

  record({ at }: ViewRow, into: Float64Array): boolean {
    this.#records?.copy(at, into)
    return this.#records !== null
  }

  list(show: (name: string, type: number) => void): boolean {
    for (const [name, i] of this.#at) show(name, this.#numbers[i * NUMBERS + 2]! & S_IFMT)
    return true
  }
}

/** How rows left in the database are asked for. */
export interface AskedRowsOptions {
  readonly one: Statement
  /** `one` selects STAT_COLUMNS, too. */
  readonly whole: boolean
  /** Without them: for names, kinds and the sum. */
  readonly all: Statement
  readonly id: number
  readonly positions: ReadonlyMap<number, number>
  /** Hears of an error; the answer is then that the layers have to be asked. */
  readonly fail: (error: unknown) => void
}

/** Rows left in the database. */
export class AskedRows implements RowSource {
  readonly size = LISTED
  /** That of the row which was handed out last. */
  readonly #record = emptyRecord()

  /** Whether the rows add up to `sum`, without which an absent one is not to be believed, for a lost row would be a lost file. */
  static addUp({ all, id }: AskedRowsOptions, sum: number): boolean {
    let total = 0
    for (const row of all.raw().iterate(id) as IterableIterator<RawRow>) total += shareOf(row)
    return total % 2 ** 32 === sum
  }

  constructor(private readonly options: AskedRowsOptions) {}

  row(name: string): ViewRow | null {
    const { one, id, fail } = this.options
    try {
      const raw = one.raw().get(id, bytesOf(name)) as RawRow | undefined
      if (raw === undefined) return null
      if (this.#isIntact(raw)) return this.#viewRow(raw)
      fail(NOT_ADDING_UP)
    } catch (error) {
      fail(error)
    }
    return UNKNOWN
  }

  #isIntact(raw: RawRow): boolean {
    if (!this.options.whole) return true
    setRecord(this.#record, raw)
    return isIntact(raw, shareOf(raw), this.#record)
  }

  #viewRow(raw: RawRow): ViewRow {
    const { positions } = this.options
    const joined = raw[2]
    const layers = joined === null ? [raw[1]] : unpackLayers(joined)
    const parts = layers.map((each) => positions.get(each) ?? -1)
    if (parts.includes(-1)) return UNKNOWN
    return { at: 0, parts, flags: raw[3], mode: raw[4], ino: raw[5], ctime: raw[6], ctimeNs: raw[7] }
  }

  record(_row: ViewRow, into: Float64Array): boolean {
    if (this.options.whole) into.set(this.#record)
    return this.options.whole
  }

  list(show: (name: string, type: number) => void): boolean {
    const { all, id, fail } = this.options
    try {
      for (const row of all.raw().all(id) as RawRow[]) show(latin1(row[0]), row[4] & S_IFMT)
      return true
    } catch (error) {
      fail(error)
      return false
    }
  }
}

function shareOf(raw: RawRow): number {
  return checkShare(latin1(raw[0]), raw[1], raw[3], raw[4], raw[2])
}

/** A row that only says: ask the layers. */
export const UNKNOWN: ViewRow = { at: 0, parts: [], flags: EntryFlag.ASK, mode: 0, ino: 0, ctime: 0, ctimeNs: 0 }

/** Rows that cannot be had. */
export const UNANSWERED: RowSource = { size: 0, row: () => UNKNOWN, record: () => false, list: () => false }
