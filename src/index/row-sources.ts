/**
 * Where a view's rows are. A directory of usual size is read from the database at once, checked against its sum, and kept in
 * flat arrays; one with very many names is asked name by name, and listed straight from the database.
 */
import { bytesOf, latin1 } from '../layers/marks.js'
import { S_IFMT } from '../syscalls/constants.js'
import type { Statement } from './database.js'
import { unpackLayers } from './layer-list.js'
import { checkShare } from './rows.js'
import { EntryFlag, NOT_WHOLE } from './schema.js'
import { emptyRecord, type RawRow, Records, recordShare, setRecord } from './stat-rows.js'
import type { RowSource, ViewRow } from './view.js'

/** What a directory's rows must add up to; `records` is 0 where none are read. */
export interface Sums {
  readonly rows: number
  readonly records: number
}

const LISTED = 0
const NUMBERS = 6

/** Adds rows up. One that tells no record, for it lacks something or because none was selected, adds nothing to those. */
class Adding {
  #rows = 0
  #records = 0

  add(share: number, flags: number, record: Float64Array | null): void {
    this.#rows += share
    if (record !== null && (flags & NOT_WHOLE) === 0) this.#records += recordShare(share, record, 0)
  }

  equals({ rows, records }: Sums): boolean {
    return this.#rows % 2 ** 32 === rows && this.#records % 2 ** 32 === records
  }
}

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

  /** The rows, or null when they do not add up to `sums`: the database is damaged. `whole`: they have STAT_COLUMNS. */
  static load(
    raw: readonly RawRow[],
    positions: ReadonlyMap<number, number>,
    sums: Sums,
    whole: boolean,
  ): LoadedRows | null {
    const loaded = new LoadedRows(raw, positions, whole)
    const record = whole ? emptyRecord() : null
    const adding = new Adding()
    for (let i = 0; i < raw.length; i++) {
      const row = raw[i]!
      const share = loaded.#take(row, i)
      if (share < 0) return null
      if (record !== null) {
        setRecord(record, row)
        loaded.#records!.keep(i, record)
      }
      adding.add(share, row[3], record)
    }
    return adding.equals(sums) ? loaded : null
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
  readonly all: Statement
  /** Both select STAT_COLUMNS, too. */
  readonly whole: boolean
  readonly id: number
  readonly positions: ReadonlyMap<number, number>
  /** Hears of an error; the answer is then that the layers have to be asked. */
  readonly fail: (error: unknown) => void
}

/** Rows left in the database. */
export class AskedRows implements RowSource {
  readonly size = LISTED
  /** The row that was handed out last. */
  #last: RawRow | null = null

  private constructor(private readonly options: AskedRowsOptions) {}

  /** The rows, when they add up to `sums`; read through once, for a lost row would be a lost file. */
  static check(options: AskedRowsOptions, sums: Sums): AskedRows | null {
    const { all, id, whole } = options
    const record = whole ? emptyRecord() : null
    const adding = new Adding()
    for (const row of all.raw().iterate(id) as IterableIterator<RawRow>) {
      const [name, layer, joined, flags, mode] = row
      if (record !== null) setRecord(record, row)
      adding.add(checkShare(latin1(name), layer, flags, mode, joined), flags, record)
    }
    return adding.equals(sums) ? new AskedRows(options) : null
  }

  row(name: string): ViewRow | null {
    const { one, id, positions, fail } = this.options
    let raw: RawRow | undefined
    try {
      raw = one.raw().get(id, bytesOf(name)) as RawRow | undefined
    } catch (error) {
      fail(error)
      return UNKNOWN
    }
    if (raw === undefined) return null
    this.#last = raw
    const [, layer, joined, flags, mode, ino, ctime, ctimeNs] = raw
    const parts = (joined === null ? [layer] : unpackLayers(joined)).map((each) => positions.get(each) ?? -1)
    return parts.includes(-1) ? UNKNOWN : { at: 0, parts, flags, mode, ino, ctime, ctimeNs }
  }

  record(_row: ViewRow, into: Float64Array): boolean {
    if (!this.options.whole || this.#last === null) return false
    setRecord(into, this.#last)
    return true
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

/** A row that only says: ask the layers. */
const UNKNOWN: ViewRow = { at: 0, parts: [], flags: EntryFlag.ASK, mode: 0, ino: 0, ctime: 0, ctimeNs: 0 }
