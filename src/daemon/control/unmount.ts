/**
 * Unmounting from outside: takes the mount out of the tree and waits until its daemon has synced, released everything
 * and gone, so that who called may use the directories at once. A daemon in another mount namespace is asked to do it
 * itself, over its socket: a number in a file may mean another process by now, or in this pid namespace, so nothing is
 * ever signalled by it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Errno } from '../../base/errno.js'
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import { detach } from '../mount/mounter.js'
import { deviceOn } from '../mount/mountinfo.js'
import { copiesOf, isInNamespaceOf, processes } from '../mount/namespaces.js'
import { type FoundMount, isAlive, listMounts, type MountState, ownPidNamespace } from '../mount/run-directory.js'
import { untilGone } from './control-client.js'
import { findMount } from './find-mount.js'

/** How long a daemon may take to sync and to go. */
const PATIENCE_MS = 30_000
const POLL_MS = 5
/** After this long it checks what keeps the mount busy, and says what it waits for. */
const LOOK_MS = 250
const SILENCE_MS = 2_000
/** Containers that start have copies of all mounts for a moment: at so many looks in a row it is more than that. */
const LASTING = 4

/** Is told in sentences what the caller should know of an unmount that goes well. */
type Notice = (sentence: string) => void

/**
 * Unmounts `path` (absolute): null, or why not. `lazy`: also while files are open, and without waiting for the daemon.
 */
export async function unmount(path: string, lazy: boolean, notice: Notice): Promise<null | StratafsError> {
  const target = findMount(path)
  if (target instanceof StratafsError) return target
  if (target.entry === null) return target.daemon === null ? null : endElsewhere(target.daemon)
  const result = detach(target.path, lazy)
  if (typeof result === 'object') return result
  if (result === -Errno.EBUSY) {
    const why = `${shown(path)} is in use: a program has a file or its current directory in it`
    return new StratafsError(why, 'IN_USE', `end it (\`fuser -vm ${shown(path)}\` names it), or use --lazy`)
  }
  if (lazy || target.daemon === null) return sweep()
  return isStillOn(target.path, target.daemon) ? null : waitForEnd(target.daemon, notice)
}

/** Whether it was mounted there more than once (daemon/hybrid/again.ts). */
function isStillOn(path: string, { state }: FoundMount): boolean {
  return deviceOn(path) === state.device
}

/** Removes what dead daemons left. */
function sweep(): null {
  listMounts()
  return null
}

/** Its end is the daemon's; with copies of the mount elsewhere there is none to wait for. */
async function waitForEnd(daemon: FoundMount, notice: Notice): Promise<null | StratafsError> {
  const { state } = daemon
  const gone = endOf(daemon)
  const begun = Date.now()
  let isTold = false
  let looks = 0
  while (Date.now() - begun < PATIENCE_MS) {
    if (await Promise.race([gone, sleep(LOOK_MS, false)])) return sweep()
    const copies = copiesOf(state.device)
    looks = copies.length > 0 ? looks + 1 : 0
    if (looks === LASTING) return noteCopies(state, copies, notice)
    if (isTold || Date.now() - begun < SILENCE_MS) continue
    notice(`${shown(state.mountpoint)} is unmounted; waiting for its daemon (${nameOf(state)}) to write everything out`)
    isTold = true
  }
  return new StratafsError(
    `${shown(state.mountpoint)} is unmounted, but its daemon (${nameOf(state)}) has not ended`,
    'IN_USE',
  )
}

/**
 * True once the daemon has released everything of the mount: it holds the line for as long. A process that serves
 * nothing else has ended by then.
 */
async function endOf({ state, socket }: FoundMount): Promise<boolean> {
  if ((await untilGone(socket, null, PATIENCE_MS)) !== 'gone') return false
  const stays = state.hosted === true || state.pidNamespace !== ownPidNamespace()
  for (const until = Date.now() + PATIENCE_MS; !stays && isAlive(state); await sleep(POLL_MS))
    if (Date.now() > until) return false
  return true
}

function noteCopies({ mountpoint, config }: MountState, copies: readonly number[], notice: Notice): null {
  const until = config.upper ? ', and its upperdir is in use until they are gone' : ''
  notice(
    `${shown(mountpoint)} is unmounted here; other mount namespaces still have it mounted (${processes(copies)}): ` +
      `its daemon serves them on${until}`,
  )
  return null
}

/** Where the number means nothing to the reader, it is said whose it is. */
function nameOf({ pid, pidNamespace }: MountState): string {
  return pidNamespace === ownPidNamespace() ? `process ${pid}` : `process ${pid} of another pid namespace`
}

/** Other mount namespaces have the last copies, and the daemon's own has none: nobody may take those from here. */
function onlyCopies({ mountpoint, device, pid, pidNamespace }: MountState): StratafsError | null {
  if (pidNamespace !== ownPidNamespace() || isInNamespaceOf(pid, device)) return null
  const copies = copiesOf(device)
  if (copies.length === 0) return null
  const fault = `${shown(mountpoint)} is unmounted here; other mount namespaces still have it mounted`
  return new StratafsError(`${fault} (${processes(copies)})`, 'IN_USE', 'its daemon ends with the last of them')
}

async function endElsewhere({ state, socket }: FoundMount): Promise<null | StratafsError> {
  const busy = onlyCopies(state)
  if (busy !== null) return busy
  const how = await untilGone(socket, { command: 'end' }, PATIENCE_MS)
  if (how === 'gone') return sweep()
  const where = `${shown(state.mountpoint)} is mounted in another namespace`
  if (how === 'late') return new StratafsError(`${where}, and its daemon (${nameOf(state)}) has not ended`, 'IN_USE')
  return new StratafsError(
    `${where}, and its daemon (${nameOf(state)}) cannot be asked to end (${how.message})`,
    'IN_USE',
  )
}
