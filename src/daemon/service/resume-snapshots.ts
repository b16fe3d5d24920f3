/**
 * A mount that another process has left may stand on snapshots, and that process may have been making one, going back
 * to one, or making one of two. As before a mount that is finished or undone; what the kernel knows of the mount
 * follows it.
 */
import { StratafsError } from '../../base/failure.js'
import { forgetInode, forgetTree, newEpoch } from '../../protocol/notifications.js'
import type { MergedPaths } from '../../snapshots/merge-path.js'
import { hasSnapshots, readJournal, readPlan } from '../../snapshots/records.js'
import { isRestored } from '../../snapshots/recover.js'
import { withSnapshots } from '../../snapshots/stack.js'
import type { UnionConfig } from '../../union/context/config.js'
import type { Known } from '../../union/recovery/known.js'
import { type StateMemory, Word } from '../../union/state/memory.js'
import type { EngineHandle } from '../engine/engine-handle.js'
import type { MountPlan } from '../options/mount-settings.js'
import { hasEpochs, notifyAll } from './kernel-memory.js'

/** `plan` on the snapshots that its workdir has now; or why it cannot be served on. */
export function resumedOnSnapshots(plan: MountPlan, memory: StateMemory): MountPlan | StratafsError {
  const { upper, work, readonly } = plan.config
  if (upper === null || work === null || !hasSnapshots(work)) return plan
  try {
    const merged = readonly ? null : settle(upper, work, memory)
    const config: UnionConfig = withSnapshots(plan.config, true)
    return { ...plan, config: merged === null ? config : { ...config, merged } }
  } catch (error) {
    if (error instanceof StratafsError) return error
    throw error
  }
}

/** What was half done and concerns the state; a merge's plan, where the state has yet to follow it. */
function settle(upper: string, work: string, memory: StateMemory): MergedPaths | null {
  const journal = readJournal(work)
  if (journal !== null) memory.words[Word.TELL] = 1
  if (memory.words[Word.RESTORING] === 1) {
    if (journal !== null && 'restore' in journal && isRestored(upper, journal.restore)) memory.voidAll()
    memory.words[Word.RESTORING] = 0
  }
  return journal !== null && 'merge' in journal ? readPlan(work) : null
}

/** The mount is served again: what the kernel remembers of `names` in the root may be of another tree. */
export async function tellResumed(
  engine: EngineHandle,
  memory: StateMemory,
  { names, directories }: Known,
): Promise<void> {
  if (memory.words[Word.TELL] === 0) return
  await notifyAll(engine, (await hasEpochs(engine)) ? newEpoch() : forgetTree(names))
  await notifyAll(
    engine,
    directories.map((nodeid) => forgetInode(nodeid)),
  )
  memory.words[Word.TELL] = 0
}
