/**
 * Copy-ups that take long run on a thread of their own, so that nobody else waits. The transport puts the request that
 * wanted one aside with nothing done, and serves it from its beginning when the copy has ended. So each request is
 * still served in one piece: it decides on what it looks up then, and the lower file cannot have changed. Others who
 * want the node copied up, or its attributes changed, wait in the same way.
 */
import { Errno, PENDING } from '../../base/errno.js'
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'
import type { Union } from '../context/union.js'
import type { Node } from '../nodes/node.js'
import type { PendingCopy } from '../nodes/pending-copy.js'
import { setTimes } from './set-times.js'
import { isDiskSlow } from './sync-content.js'

/** Content from this size on is brought up beside the loop. */
const LARGE = 4 << 20

/** Whether so much content is to be copied beside the loop, and can be. */
export function isLongCopy(u: Union, length: number): boolean {
  return u.binding.wakeFd >= 0 && (length >= LARGE || (length > 0 && isDiskSlow(u)))
}

/**
 * Starts bringing `length` bytes up; both descriptors are taken over then. False: there is no thread to be had, nothing
 * was done.
 */
export function startBackgroundCopy(u: Union, node: Node, wanted: Omit<PendingCopy, 'id'>): boolean {
  const id = native.startCopy(wanted.source, wanted.target, wanted.length, u.syncs, u.binding.wakeFd)
  if (id < 0) return false
  node.pendingCopy = { ...wanted, id }
  u.pendingCopies.add(node)
  return true
}

/**
 * Content that has arrived, its target now the caller's; null where none was wanted; PENDING while it is on its way; or
 * -errno.
 */
export function takeFinishedCopy(u: Union, node: Node): PendingCopy | number | null {
  const { pendingCopy: bringing } = node
  if (bringing === null) return null
  const copied = native.endCopy(bringing.id)
  if (copied === -Errno.EINPROGRESS) return PENDING
  forget(u, node)
  if (copied < 0) {
    discard(u, bringing)
    return copied
  }
  native.close(bringing.source)
  u.counters.copyUpBytes += copied
  return bringing
}

/** After a failure the upper file of a metacopy has its size and times again; its content is still read from below. */
export function restoreMetacopy(fd: number, stat: Float64Array): void {
  native.ftruncate(fd, stat[Stat.SIZE]!)
  setTimes(fd, '', stat)
}

/** Whether as much has come as `size` asks for (-1: all). */
export function coversSize(brought: PendingCopy, size: number): boolean {
  return brought.temporary !== null && (size < 0 ? brought.isAll : brought.isAll || size <= brought.length)
}

/** Lets go of content that has come and is not used. */
export function discardCopy(u: Union, { target, temporary, stat }: PendingCopy): void {
  if (stat !== null) restoreMetacopy(target, stat)
  native.close(target)
  if (temporary !== null) u.writable!.work.discard(temporary)
}

/** The mount ends: nobody waits any more. */
export function cancelBringing(u: Union): void {
  for (const node of [...u.pendingCopies]) {
    const bringing = node.pendingCopy!
    native.cancelCopy(bringing.id)
    forget(u, node)
    discard(u, bringing)
  }
}

function forget(u: Union, node: Node): void {
  node.pendingCopy = null
  u.pendingCopies.delete(node)
}

function discard(u: Union, bringing: PendingCopy): void {
  native.close(bringing.source)
  discardCopy(u, bringing)
}
