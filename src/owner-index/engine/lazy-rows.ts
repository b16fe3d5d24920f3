/**
 * Whole rows on their way into memory: what it costs to load a directory is paid when it is known to be worth it. A
 * fresh mount that is asked for one name in each of many directories would else read all of their rows.
 */
import { ASK_LAYERS, NO_ROWS } from './queried-rows.js'
import type { RowSource, ViewRow } from './view-contract.js'

/** Asking for one row takes as long as loading so many together with all others. */
const ALONE = 12

/** Where growing rows get more from; null where it cannot be had, which has been said. */
interface MoreRows {
  /** All of them, but no records: enough to say that a name is absent. */
  names(): RowSource | null
  all(): RowSource | null
}

/**
 * Rows that are queried one by one at first, since often only a name or two of a directory is wanted. All are loaded
 * once that pays, or for a listing. That a name is absent takes all rows together; for that they are loaded without
 * their stat records.
 */
export class LazyRows implements RowSource {
  /** Unknown: immutable rows are rarely checked against a layer. */
  readonly owners = null
  #names: RowSource | null = null
  #all: RowSource | null = null
  #asked = 0

  constructor(
    /** The rows it will hold in memory at most. */
    readonly size: number,
    /** How many there are. */
    private readonly count: number,
    private readonly few: RowSource,
    private readonly more: MoreRows,
  ) {}

  row(name: string): ViewRow | null {
    if (this.#all !== null) return this.#all.row(name)
    if (this.#names !== null && this.#names.row(name) === null) return null
    if (this.#asked++ * ALONE >= this.count) return this.#loaded().row(name)
    const row = this.few.row(name)
    if (row !== null) return row
    this.#names = this.more.names() ?? NO_ROWS
    // If it is there now, its directory has been read again meanwhile.
    return this.#names.row(name) === null ? null : ASK_LAYERS
  }

  /** A row that was handed out last before all were loaded is not asked about afterwards. */
  record(row: ViewRow, into: Float64Array): boolean {
    return (this.#all ?? this.few).record(row, into)
  }

  list(show: (name: string, type: number) => void): boolean {
    return this.#loaded().list(show)
  }

  release(): void {
    this.#names?.release()
    this.#all?.release()
    this.#names = null
    this.#all = null
  }

  #loaded(): RowSource {
    if (this.#all !== null) return this.#all
    this.#names?.release()
    this.#names = null
    this.#all = this.more.all() ?? NO_ROWS
    return this.#all
  }
}
