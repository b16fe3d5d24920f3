/**
 * The end of a copy-up that goes on while the file is written to (fill-and-write.ts begins it). The file gets its place
 * in the upper when all of it is there. Nobody has to wait for that but those who need the place: fsync, which promises
 * that the new file outlives a crash, rename and link, a commit, the end of the mount.
 */
import { Errno, errnoName, PENDING } from '../../base/errno.js'
import { UTIME_OMIT } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { filledSoFar } from '../context/filling-stat.js'
import type { Union } from '../context/union.js'
import { abandonFilling, closePin } from '../data/abandon-filling.js'
import { dropContentFd, keepContentFd } from '../data/content-fd.js'
import { forgetUnused, keepUnlinked } from '../data/forget.js'
import type { Filling } from '../nodes/filling.js'
import type { Node } from '../nodes/node.js'
import { mapName } from './kept-fill.js'

/** Waits until `node` is whole and in its place: 0; PENDING; or -errno, and then it is tried again. */
export function settleFilling(u: Union, node: Node): number {
  const { filling } = node
  if (filling === null) return 0
  const state = native.fillState(filling.target, true)
  if (state === -Errno.EINPROGRESS) return PENDING
  return state < 0 ? state : place(u, node, filling)
}

/** The thread was woken: what has become whole gets its place. Whether anything is still on its way. */
export function placeFilled(u: Union): boolean {
  let isOnWay = false
  for (const node of [...u.filling]) {
    const filling = node.filling!
    const state = native.fillState(filling.target, false)
    if (state === -Errno.EINPROGRESS) isOnWay = true
    else tell(u, node, filling, state < 0 ? state : place(u, node, filling))
  }
  return isOnWay
}

/** The mount ends: each is waited for, and what cannot be made whole is lost, as the log then says. */
export function finishFilling(u: Union): void {
  for (const node of [...u.filling]) {
    const filling = node.filling!
    if (node.removed) {
      abandonFilling(u, node)
      continue
    }
    let state = native.waitFill(filling.target)
    // There may be room by now.
    if (state < 0 && native.fillState(filling.target, true) < 0) state = native.waitFill(filling.target)
    const errno = state < 0 ? state : place(u, node, filling)
    if (errno >= 0) continue
    const fields = { name: node.name, error: errnoName(errno) }
    u.log('error', 'a file could not be copied up: what was written to it is lost, the old one stays', fields)
    abandonFilling(u, node)
  }
}

/** Has those who are waited for go on without a pause. */
export function hurryFilling(u: Union): void {
  for (const { filling } of u.filling) native.fillState(filling!.target, true)
}

function tell(u: Union, node: Node, filling: Filling, errno: number): void {
  if (errno >= 0 || errno === filling.stopped) return
  filling.stopped = errno
  const fields = { name: node.name, error: errnoName(errno) }
  u.log('warn', 'a copy-up has stopped: whoever writes to the file or syncs it is told, and it is tried again', fields)
}

/** All is there, and on disk. What has been written since then is as what is written to any file. */
function place(u: Union, node: Node, filling: Filling): number {
  const { mtime, mtimeNs, copied } = filledSoFar(filling.target)
  const errno = native.utimensat(filling.target, '', 0, UTIME_OMIT, mtime, mtimeNs)
  if (errno < 0) return errno
  const isNamed = !node.removed && node.parent !== null
  if (isNamed) {
    const committed = filling.commit()
    if (committed < 0) return committed
  } else leaveNameless(u, node, filling)
  // From here the upper has it; nothing below may fail.
  u.nodes.ledger?.fills(node, false)
  if (filling.temporary !== '') u.writable!.work.discard(mapName(filling.temporary))
  u.counters.copyUps++
  u.counters.copyUpBytes += copied
  native.endFill(filling.target)
  u.filling.delete(node)
  node.filling = null
  if (isNamed) closePin(node)
  becomePlain(u, node, filling.target)
  return 0
}

/** A file that has lost its name while it was filled is an upper one without a name, reached by its pin. */
function leaveNameless(u: Union, node: Node, { temporary }: Filling): void {
  node.inUpper = true
  node.inodeDir = null
  node.contentDir = null
  keepUnlinked(u, node, node.unlinkedFd)
  u.writable!.work.discard(temporary)
}

/** The descriptor is one like others from now on. */
function becomePlain(u: Union, node: Node, target: number): void {
  node.contentFd = -1
  keepContentFd(u, node, target, true)
  if (!u.data.noOpen && node.opens === 0) dropContentFd(u, node)
  forgetUnused(u, node)
}
