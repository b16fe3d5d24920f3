/**
 * Unmounting from outside: takes the mount out of the tree and waits until its daemon has synced, released everything and
 * gone, so that who called may use the directories at once. A daemon in another mount namespace is asked to do it itself.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Errno } from '../base/errno.js'
import { shown } from '../base/text.js'
import { findMount } from './find-mount.js'
import { detach } from './mounter.js'
import type { Refused } from './places.js'
import { isAlive, listMounts, type MountState } from './run-directory.js'

/** How long a daemon may take to sync and to go. */
const PATIENCE_MS = 30_000
const POLL_MS = 10

/** Unmounts `path` (absolute): null, or why not. `lazy`: also while files are open, and without waiting for the daemon. */
export async function unmount(path: string, lazy: boolean): Promise<null | Refused> {
  const target = findMount(path)
  if ('error' in target) return target
  if (target.entry === null) return target.daemon === null ? null : endElsewhere(target.daemon.state)
  const result = detach(target.path, lazy)
  if (typeof result === 'object') return result
  if (result === -Errno.EBUSY) {
    const advice = 'a program has a file or its current directory in it: end it (`fuser -vm` names it), or use --lazy'
    return { error: `${shown(path)} is in use: ${advice}` }
  }
  return lazy || target.daemon === null ? sweep() : waitForEnd(target.daemon.state)
}

/** Removes what dead daemons left. */
function sweep(): null {
  listMounts()
  return null
}

async function waitForEnd(state: MountState): Promise<null | Refused> {
  for (const until = Date.now() + PATIENCE_MS; Date.now() < until; await sleep(POLL_MS)) {
    if (!isAlive(state)) return sweep()
  }
  return { error: `${shown(state.mountpoint)} is unmounted, but its daemon (process ${state.pid}) has not ended` }
}

async function endElsewhere(state: MountState): Promise<null | Refused> {
  try {
    process.kill(state.pid, 'SIGTERM')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return { error: `${shown(state.mountpoint)} is mounted in another namespace, out of reach (${code})` }
  }
  return waitForEnd(state)
}
