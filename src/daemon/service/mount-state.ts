/** What a mount is registered as, and what refuses it before there is one. */
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import { withSnapshots } from '../../snapshots/stack.js'
import type { EngineHandle } from '../engine/engine-handle.js'
import { enginePool } from '../engine/engine-pool.js'
import { type DirectoryLocks, lockDirectories } from '../mount/locks.js'
import { deviceOn, overlayOver } from '../mount/mountinfo.js'
import { type MountState, ownIdentity } from '../mount/run-directory.js'
import type { MountPlan } from '../options/mount-settings.js'

/** The refusal of an upper that a kernel overlay has mounted; null where none has. */
export function overlaidUpper(upper: string | null): StratafsError | null {
  const over = upper === null ? undefined : overlayOver(upper)
  if (upper === null || over === undefined) return null
  return new StratafsError(
    `upperdir ${shown(upper)} is in use by a kernel overlay on ${shown(over)}`,
    'IN_USE',
    'unmount that one first, or name another directory',
  )
}

/** The plan with the snapshots that the workdir holds; or why they cannot be used. */
export function onSnapshots(plan: MountPlan): MountPlan | StratafsError {
  try {
    return { ...plan, config: withSnapshots(plan.config) }
  } catch (error) {
    if (error instanceof StratafsError) return error
    throw error
  }
}

/** What a mount has for itself, by option and path. */
export function placesToLock({ config: { upper, work } }: MountPlan): readonly (readonly [string, string])[] {
  if (!upper || !work) return []
  return [
    ['upperdir', upper],
    ['workdir', work],
  ]
}

/** What another process had locked, and the upper that it may have put in the place of one of these. */
export function keptLocks(fds: readonly number[], plan: MountPlan): DirectoryLocks {
  const own = lockDirectories([])
  if (own instanceof StratafsError) return { fds, release: () => {}, add: () => null }
  // Where it is the one that was locked, it still is.
  if ((plan.config.snapshots ?? 0) > 0 && plan.config.upper !== null) own.add('upperdir', plan.config.upper)
  return { ...own, fds }
}

export function newState(plan: MountPlan, engine: EngineHandle): MountState {
  const { mountpoint, options, config, settings } = plan
  const device = deviceOn(mountpoint) ?? ''
  const since = new Date().toISOString()
  const hosted = enginePool.servesMany
  const hybrid = engine.isHybrid ? { hybrid: true as const } : {}
  return { ...ownIdentity(), device, mountpoint, options, config, ...hybrid, log: settings.logFile, since, hosted }
}
