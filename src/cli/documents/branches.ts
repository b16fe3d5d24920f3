/** What the commands about branches print with `--json`. */
import type { BranchCreated, BranchSummary } from '../../library/branches/branches.js'
import type { BranchMerged } from '../../library/branches/merge-branch.js'

export interface BranchCreateDocument extends BranchCreated {
  readonly schemaVersion: 1
}

export interface BranchListDocument {
  readonly schemaVersion: 1
  /** The oldest first. */
  readonly branches: readonly BranchSummary[]
}

export interface BranchMountDocument extends BranchSummary {
  readonly schemaVersion: 1
}

export interface BranchMergeDocument extends BranchMerged {
  readonly schemaVersion: 1
}

export interface BranchRmDocument {
  readonly schemaVersion: 1
  /** Its name. */
  readonly removed: string
}
