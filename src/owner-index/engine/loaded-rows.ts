/**
 * Rows of a directory in memory. One of usual size is read from the database at once, checked against its sum, and kept
 * in flat arrays; one with very many names is asked name by name (queried-rows.ts). Whole rows, with all that stat
 * says, are each known to be intact by a hash of their own; that one is absent only the sum of all can tell.
 */
import { latin1 } from '../../layers/marks.js'
import type { LayerSet, LayerSets } from '../../stack/parts.js'
import { S_IFMT } from '../../syscalls/constants.js'
import { EntryFlag } from '../database/entry-flags.js'
import { checkShare } from '../database/rows.js'
import { emptyRecord, isIntact, type RawRow, Records, setRecord } from '../database/stat-rows.js'
import { allocRowBuffer, freeRowBuffer } from './row-buffers.js'
import type { RowSource, ViewRow } from './view-contract.js'

const NUMBERS = 6
/** Arrays of so few bytes are on V8's heap, and collected with everything there. */
const ON_HEAP = 64

/** What is told when rows are not those that were written. */
export const CHECKSUM_MISMATCH = { code: 'rows do not add up' }

/** The directory that rows are of. */
export interface RowsDirectory {
  /** The layers that it joins: its rows name no others. */
  readonly set: LayerSet
  readonly sets: LayerSets
}

/**
 * The layers that a row joins, null for its owner's alone; undefined where it names one that its directory does not
 * join.
 */
export function joinsOf(
  { set, sets }: RowsDirectory,
  layer: number,
  packed: Buffer | null,
): LayerSet | null | undefined {
  if (!set.has(layer)) return undefined
  if (packed === null) return null
  const joins = sets.ofPacked(packed)
  return joins.isWithin(set) ? joins : undefined
}

/** The names of a directory, latin1, and what VIEW_COLUMNS says of each. */
export interface Columns {
  readonly names: readonly string[]
  readonly layer: readonly number[]
  readonly flags: readonly number[]
  readonly mode: readonly number[]
  readonly ino: readonly number[]
  readonly ctime: readonly number[]
  readonly ctimeNs: readonly number[]
}

/** Rows in memory: six numbers and one reference a name, and the stat records where they are to be had. */
export class LoadedRows implements RowSource {
  readonly #at = new Map<string, number>()
  readonly #numbers: Float64Array
  readonly #joined = new Map<number, LayerSet>()
  readonly #records: Records | null
  #memory: ArrayBuffer | null
  #owners: LayerSet | null = null
  #isListing = false

  private constructor(
    raw: { readonly length: number },
    private readonly directory: RowsDirectory,
    whole: boolean,
  ) {
    const count = raw.length
    const bytes = count * NUMBERS * Float64Array.BYTES_PER_ELEMENT
    const memory = whole || bytes > ON_HEAP ? allocRowBuffer(bytes + (whole ? Records.bytesFor(count) : 0)) : null
    this.#memory = memory
    this.#numbers = memory === null ? new Float64Array(count * NUMBERS) : new Float64Array(memory, 0, count * NUMBERS)
    this.#records = whole ? new Records(count, memory!, bytes) : null
  }

  /** The rows, or null when they do not add up to `sum`: the database is damaged. `whole`: they have STAT_COLUMNS. */
  static load(raw: readonly RawRow[], directory: RowsDirectory, sum: number, whole: boolean): LoadedRows | null {
    const loaded = new LoadedRows(raw, directory, whole)
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

  /** The same of rows that came column by column; `joined` has the layers of the names that have some. */
  static ofColumns(
    columns: Columns,
    joined: ReadonlyMap<string, Buffer>,
    directory: RowsDirectory,
    sum: number,
  ): LoadedRows | null {
    const { names, layer, flags, mode, ino, ctime, ctimeNs } = columns
    const loaded = new LoadedRows(names, directory, false)
    let total = 0
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!
      const packed = joined.size === 0 ? null : (joined.get(name) ?? null)
      const share = loaded.#put(i, name, layer[i]!, packed, flags[i]!, mode[i]!)
      if (share < 0) return null
      loaded.#stamp(i, ino[i]!, ctime[i]!, ctimeNs[i]!)
      total += share
    }
    return total % 2 ** 32 === sum ? loaded : null
  }

  /** The row's share of the sum, or -1 when it names a layer that is not joined. */
  #take(row: RawRow, i: number): number {
    this.#stamp(i, row[5], row[6], row[7])
    return this.#put(i, latin1(row[0]), row[1], row[2], row[3], row[4])
  }

  #stamp(i: number, ino: number, ctime: number, ctimeNs: number): void {
    const numbers = this.#numbers
    const first = i * NUMBERS
    numbers[first + 3] = ino
    numbers[first + 4] = ctime
    numbers[first + 5] = ctimeNs
  }

  #put(i: number, name: string, layer: number, joined: Buffer | null, flags: number, mode: number): number {
    const asked = (flags & EntryFlag.ASK) !== 0
    const joins = asked ? null : joinsOf(this.directory, layer, joined)
    if (joins === undefined) return -1
    if (joins !== null) this.#joined.set(i, joins)
    this.#at.set(name, i)
    const numbers = this.#numbers
    const first = i * NUMBERS
    numbers[first] = layer
    numbers[first + 1] = flags
    numbers[first + 2] = mode
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
      layer: numbers[first]!,
      joined: this.#joined.get(i) ?? null,
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

  get owners(): LayerSet {
    this.#owners ??= this.#ownersOf()
    return this.#owners
  }

  #ownersOf(): LayerSet {
    const layers = new Set<number>()
    for (let i = 0; i < this.size; i++) layers.add(this.#numbers[i * NUMBERS]!)
    return this.directory.sets.of([...layers].sort((a, b) => a - b))
  }

  list(show: (name: string, type: number) => void): boolean {
    this.#isListing = true
    for (const [name, i] of this.#at) show(name, this.#numbers[i * NUMBERS + 2]! & S_IFMT)
    this.#isListing = false
    return true
  }

  release(): void {
    if (this.#memory !== null && !this.#isListing) freeRowBuffer(this.#memory)
    this.#memory = null
  }
}
