/** What the commands about snapshots print with `--json`. */
import type { SnapshotsPruned } from '../../library/branches/prune-snapshots.js'
import type {
  SnapshotChange,
  SnapshotDetails,
  SnapshotMade,
  SnapshotRemoved,
  SnapshotRestored,
  SnapshotSummary,
} from '../../library/snapshots.js'

export interface SnapshotCreateDocument extends Omit<SnapshotMade, 'id' | 'parent'> {
  readonly schemaVersion: 1
}

export interface SnapshotListDocument {
  readonly schemaVersion: 1
  /** The oldest first. */
  readonly snapshots: readonly SnapshotSummary[]
}

export interface SnapshotShowDocument extends SnapshotDetails {
  readonly schemaVersion: 1
}

export interface SnapshotDiffDocument {
  readonly schemaVersion: 1
  readonly from: string
  /** Null: the present. */
  readonly to: string | null
  readonly changes: readonly SnapshotChange[]
}

export interface SnapshotRestoreDocument extends SnapshotRestored {
  readonly schemaVersion: 1
}

export interface SnapshotRmDocument extends SnapshotRemoved {
  readonly schemaVersion: 1
}

export interface SnapshotPruneDocument extends SnapshotsPruned {
  readonly schemaVersion: 1
  /** Nothing was removed. */
  readonly dryRun: boolean
}
