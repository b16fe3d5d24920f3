/**
 * Where a view's rows are. A directory of usual size is read from the database at once, checked against its sum, and kept in
 * flat arrays; one with very many names is asked name by name, and listed straight from the database.
 */
import { bytesOf, latin1 } from '../layers/marks.js'
import { S_IFMT } from '../syscalls/constants.js'
import type { Statement } from './database.js'
import { unpackLayers } from './layer-list.js'
import { checkShare } from './rows.js'
import { EntryFlag } from './schema.js'
import type { RowSource, ViewRow } from './view.js'

export type RawRow = [Buffer, number, Buffer | null, number, number, number, number, number]

const LISTED = 0
const NUMBERS = 6

/** Rows in memory: six numbers and one reference a name. */
export class LoadedRows implements RowSource {
  readonly #at = new Map<string, number>()
  readonly #numbers: Float64Array
  readonly #joined = new Map<number, number[]>()

  private constructor(
    raw: readonly RawRow[],
    readonly positions: ReadonlyMap<number, number>,
  ) {
    this.#numbers = new Float64Array(raw.length * NUMBERS)
  }

  /** The rows, or null when they do not add up to `sum`: the database is damaged. */
  static load(raw: readonly RawRow[], layers: readonly number[], sum: number): LoadedRows | null {
    const loaded = new LoadedRows(raw, new Map(layers.map((layer, at) => [layer, at])))
    let total = 0
    for (let i = 0; i < raw.length; i++) {
      const share = loaded.#take(raw[i]!, i)
      if (share < 0) return null
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
      parts: this.#joined.get(i) ?? [numbers[first]!],
      flags: numbers[first + 1]!,
      mode: numbers[first + 2]!,
      ino: numbers[first + 3]!,
      ctime: numbers[first + 4]!,
      ctimeNs: numbers[first + 5]!,
    }
  }

  list(show: (name: string, type: number) => void): boolean {
    for (const [name, i] of this.#at) show(name, this.#numbers[i * NUMBERS + 2]! & S_IFMT)
    return true
  }
}

/** Rows left in the database. `fail` hears of an error there; the answer is then that the layers have to be asked. */
export class AskedRows implements RowSource {
  readonly size = LISTED

  constructor(
    private readonly one: Statement,
    private readonly all: Statement,
    private readonly id: number,
    private readonly positions: ReadonlyMap<number, number>,
    private readonly fail: (error: unknown) => void,
  ) {}

  /** `asked`, when its rows add up to `sum`; read through once, for a lost row would be a lost file. */
  static check(asked: AskedRows, all: Statement, id: number, sum: number): AskedRows | null {
    let total = 0
    for (const [name, layer, joined, flags, mode] of all.raw().iterate(id) as IterableIterator<RawRow>)
      total += checkShare(latin1(name), layer, flags, mode, joined)
    return total % 2 ** 32 === sum ? asked : null
  }

  row(name: string): ViewRow | null {
    let raw: [number, Buffer | null, number, number, number, number, number] | undefined
    try {
      raw = this.one.raw().get(this.id, bytesOf(name)) as typeof raw
    } catch (error) {
      this.fail(error)
      return UNKNOWN
    }
    if (raw === undefined) return null
    const [layer, joined, flags, mode, ino, ctime, ctimeNs] = raw
    const parts = (joined === null ? [layer] : unpackLayers(joined)).map((each) => this.positions.get(each) ?? -1)
    return parts.includes(-1) ? UNKNOWN : { parts, flags, mode, ino, ctime, ctimeNs }
  }

  list(show: (name: string, type: number) => void): boolean {
    try {
      for (const row of this.all.raw().all(this.id) as RawRow[]) show(latin1(row[0]), row[4] & S_IFMT)
      return true
    } catch (error) {
      this.fail(error)
      return false
    }
  }
}

/** A row that only says: ask the layers. */
const UNKNOWN: ViewRow = { parts: [], flags: EntryFlag.ASK, mode: 0, ino: 0, ctime: 0, ctimeNs: 0 }
