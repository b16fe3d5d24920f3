/** What a daemon says of a snapshot that it has made. */
import type { SnapshotRecord } from '../../snapshots/records.js'

export interface SnapshotMade extends Omit<SnapshotRecord, 'removed'> {
  /** The directory, a lower layer. */
  readonly path: string
  /** Files that were open for writing, with a copy of each in the snapshot; paths in the mount. */
  readonly copied: readonly string[]
  /** No program wrote, but for those files, while its pages were written out. */
  readonly settled: boolean
  /** For how long nothing was served, and how long all of it took. */
  readonly milliseconds: { readonly frozen: number; readonly all: number }
}

/** What becomes of the layers of snapshots that were removed. */
export interface MergeStatus {
  /** The snapshot whose layer goes into the one above now, '' between two; null: nothing is done. */
  readonly merging: string | null
  /** So many of its entries have been looked at. */
  readonly looked: number
  /** Those whose layers stay for now, and why. */
  readonly waiting: readonly { readonly name: string; readonly why: string }[]
}

export interface SnapshotRestored {
  readonly name: string
  /** The snapshot that what was done since is kept as; null: it was thrown away. */
  readonly kept: string | null
  /** How long all of it took. */
  readonly milliseconds: number
}
