/** Removing snapshots that nobody is going to go back to: the oldest first, by their number or their age. */
import { StratafsError } from '../../base/failure.js'
import type { Path } from '../paths.js'
import { listSnapshots, type RemoveOptions, removeSnapshot, type SnapshotSummary } from '../snapshots.js'

export interface PruneSnapshotsOptions {
  /** So many of the newest stay. */
  readonly keep?: number | undefined
  /** Only those that were made so many seconds ago, or more. */
  readonly olderThan?: number | undefined
  /** Only tells what would go. */
  readonly dryRun?: boolean | undefined
  readonly onProgress?: RemoveOptions['onProgress']
}

export interface SnapshotsPruned {
  /** Those that went, or would go, the oldest first. */
  readonly removed: readonly SnapshotSummary[]
  /** Those that stay, and why, for a branch or another mount stands on them. */
  readonly needed: readonly { readonly name: string; readonly why: string }[]
}

/** Removes what both options let go; at least one must be given. What is needed by others stays. */
export async function pruneSnapshots(mountpoint: Path, options: PruneSnapshotsOptions): Promise<SnapshotsPruned> {
  const { keep = 0, olderThan, dryRun = false, onProgress } = options
  if (options.keep === undefined && olderThan === undefined)
    throw new StratafsError('nothing says which snapshots are to go', 'INVALID_ARGUMENT', 'give keep or olderThan')
  const now = Date.now()
  const isOld = ({ created }: SnapshotSummary): boolean =>
    olderThan === undefined || now - Date.parse(created) >= olderThan * 1000
  const all = listSnapshots(mountpoint)
  const due = all.slice(0, Math.max(0, all.length - keep)).filter(isOld)
  const removed: SnapshotSummary[] = []
  const needed: { name: string; why: string }[] = []
  for (const snapshot of due) {
    const why = dryRun ? null : await tryToRemove(mountpoint, snapshot.name, onProgress)
    if (why === null) removed.push(snapshot)
    else needed.push({ name: snapshot.name, why })
  }
  return { removed, needed }
}

/** Why it stays; null: it is gone from the list. */
async function tryToRemove(
  mountpoint: Path,
  name: string,
  onProgress: RemoveOptions['onProgress'],
): Promise<string | null> {
  try {
    await removeSnapshot(mountpoint, name, { onProgress })
    return null
  } catch (error) {
    if (error instanceof StratafsError && error.code === 'IN_USE') return error.message
    throw error
  }
}
