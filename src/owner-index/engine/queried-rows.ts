/**
 * Rows of a directory with very many names: they stay in the database, are asked for one by one, and listed straight
 * from there. And what is said where rows cannot be had.
 */
import { bytesOf, latin1 } from '../../layers/marks.js'
import { S_IFMT } from '../../syscalls/constants.js'
import type { Statement } from '../database/database.js'
import { EntryFlag } from '../database/entry-flags.js'
import { checkShare } from '../database/rows.js'
import { emptyRecord, isIntact, type RawRow, setRecord } from '../database/stat-rows.js'
import { CHECKSUM_MISMATCH, joinsOf, type RowsDirectory } from './loaded-rows.js'
import type { RowSource, ViewRow } from './view-contract.js'

/** They hold none in memory. */
const LISTED = 0

/** How rows left in the database are asked for. */
export interface AskedRowsOptions {
  readonly one: Statement
  /** `one` selects STAT_COLUMNS, too. */
  readonly whole: boolean
  /** Without them: for names, kinds and the sum. */
  readonly all: Statement
  readonly id: number
  readonly directory: RowsDirectory
  /** Hears of an error; the answer is then that the layers have to be asked. */
  readonly fail: (error: unknown) => void
}

/** Rows left in the database. */
export class QueriedRows implements RowSource {
  readonly size = LISTED
  readonly owners = null
  /** That of the row which was handed out last. */
  readonly #record = emptyRecord()

  /**
   * Whether the rows add up to `sum`, without which an absent one is not to be believed, for a lost row would be a lost
   * file.
   */
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
      fail(CHECKSUM_MISMATCH)
    } catch (error) {
      fail(error)
    }
    return ASK_LAYERS
  }

  #isIntact(raw: RawRow): boolean {
    if (!this.options.whole) return true
    setRecord(this.#record, raw)
    return isIntact(raw, shareOf(raw), this.#record)
  }

  #viewRow(raw: RawRow): ViewRow {
    const [, layer, packed, flags, mode, ino, ctime, ctimeNs] = raw
    if ((flags & EntryFlag.ASK) !== 0) return ASK_LAYERS
    const joined = joinsOf(this.options.directory, layer, packed)
    if (joined === undefined) return ASK_LAYERS
    return { at: 0, layer, joined, flags, mode, ino, ctime, ctimeNs }
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

  release(): void {}
}

function shareOf(raw: RawRow): number {
  return checkShare(latin1(raw[0]), raw[1], raw[3], raw[4], raw[2])
}

/** A row that only says: ask the layers. */
export const ASK_LAYERS: ViewRow = {
  at: 0,
  layer: 0,
  joined: null,
  flags: EntryFlag.ASK,
  mode: 0,
  ino: 0,
  ctime: 0,
  ctimeNs: 0,
}

/** Rows that cannot be had. */
export const NO_ROWS: RowSource = {
  size: 0,
  owners: null,
  row: () => ASK_LAYERS,
  record: () => false,
  list: () => false,
  release: () => {},
}
