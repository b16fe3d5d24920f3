/**
 * The contract between a view of a directory, its rows, wherever they are, and the owner index that made it. Also what
 * a directory remembers of its view.
 */
import type { LayerSet } from '../../stack/parts.js'
/** Instead of stamps: they have been held against the disk, or read, in this mount. */
export const COMPARED = Buffer.alloc(0)

/** One row as the engine needs it. */
export interface ViewRow {
  /** Its place among the rows that it is from. */
  readonly at: number
  /** The owner. */
  readonly layer: number
  /** The layers that a directory joins; null where it is the owner's alone. */
  readonly joined: LayerSet | null
  readonly flags: number
  readonly mode: number
  readonly ino: number
  readonly ctime: number
  readonly ctimeNs: number
}

/** The rows of a directory, all in memory, or asked for one by one where there are very many. */
export interface RowSource {
  readonly size: number
  /** The layers that own any of the names; null where that is not known, or does not matter. */
  readonly owners: LayerSet | null
  row(name: string): ViewRow | null
  /**
   * The stat record of the row that was handed out last into `into`: all but the device, the mount and the file's
   * flags. False where rows are kept without.
   */
  record(row: ViewRow, into: Float64Array): boolean
  /** Every name with its S_IFMT bits, in byte order. */
  list(show: (name: string, type: number) => void): boolean
  /** Gives back the memory that the rows lie in: nothing is asked of them any more. */
  release(): void
}

/** What a view asks of the index that made it. */
export interface ViewKeeper {
  /** The layers are believed to be what they were: nothing is compared. */
  readonly immutable: boolean
  /** An entry was answered without a look at any layer. */
  unseen(): void
  /**
   * The layers that own anything in the directory at `path`, which joins these; null where all of them may be looked
   * into.
   */
  ownersIn(path: string, set: LayerSet): LayerSet | null
  /** They have now, and were as stamped. */
  compared(path: string, set: LayerSet): void
  /**
   * The stamps of the merged directory at `path`, read for exactly these layers and believable, or COMPARED; null when
   * not to be had.
   */
  stampsFor(path: string, set: LayerSet): Buffer | null
  /** The parts of a directory are being held against their stamps. */
  comparing(): void
  /** `name` in the directory at `path` is not what its row says, as seen in `layer`. */
  mismatch(path: string, name: string, layer: number): void
}
