/**
 * Waiting for an upper whose last mount is on its way out. Unmounting does not wait for the daemon, which has still to sync;
 * dockerd and podman mount the same directories again at once, and have to find them free. A mount that is still there is a
 * mistake of the caller's, and is told without delay.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type DirectoryLocks, lockDirectories } from './locks.js'
import { mountedOn, readMounts } from './mountinfo.js'
import type { Refused } from './places.js'
import { listMounts } from './run-directory.js'

/** As long as an unmount may wait for its daemon. */
const PATIENCE_MS = 30_000
const POLL_MS = 10

/** Locks each of `places` (option and absolute path), all or none, as soon as the daemon that holds them has gone. */
export async function lockWhenFree(
  places: readonly (readonly [option: string, path: string])[],
): Promise<DirectoryLocks | Refused> {
  for (const until = Date.now() + PATIENCE_MS; ; await sleep(POLL_MS)) {
    const locks = lockDirectories(places)
    if ('release' in locks || locks.holder === undefined) return locks
    if (isMounted(locks.holder) || Date.now() > until) return locks
  }
}

/** Whether the process `pid` serves a mount that is in the tree. Of one that cannot be found out it is not believed. */
function isMounted(pid: number): boolean {
  const daemon = listMounts().find(({ state }) => state.pid === pid)
  return daemon !== undefined && mountedOn(daemon.state.mountpoint, readMounts())?.device === daemon.state.device
}
