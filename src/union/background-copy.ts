/**
 * Bringing up a large file's content without holding up everybody else. The copy runs on a thread of its own; meanwhile the
 * request that wanted it is put aside by the transport, with nothing done, and served from its beginning once the copy
 * has ended. So each request is still served in one piece: what it decides on it looks up then, and the lower file cannot have
 * changed. Whoever else wants the node copied up, or its attributes changed, waits in the same way.
 */
import { Errno, PENDING } from '../base/errno.js'
import { native } from '../syscalls/native.js'
import { Stat } from '../syscalls/stat.js'
import type { Node } from './node.js'
import { setTimes } from './set-times.js'
import type { Union } from './union.js'

/** Content from this size on is brought up beside the loop. */
const LARGE = 4 << 20

/** Content on its way, or arrived. */
export interface Bringing {
  readonly id: number
  /** The lower file, owned until the copy has ended. */
  readonly source: number
  /** Where it goes: owned by whoever takes it. */
  readonly target: number
  /** What `target` is called in the workdir, '' when it has no name; null for the upper file itself (a metacopy). */
  readonly temporary: string | null
  readonly length: number
  /** That is the whole of it. */
  readonly isAll: boolean
  /** What the upper file was before, to be restored when nothing comes of it; null for one in the workdir. */
  readonly stat: Float64Array | null
  /** The file capabilities it had then; null: none. */
  readonly capabilities: Uint8Array | null
}

/** Whether so much content is to be copied beside the loop, and can be. */
export function isLargeCopy(u: Union, length: number): boolean {
  return length >= LARGE && u.binding.wakeFd >= 0
}

/** Starts bringing `length` bytes up; both descriptors are taken over then. False: there is no thread to be had, nothing was done. */
export function startBringing(u: Union, node: Node, wanted: Omit<Bringing, 'id'>): boolean {
  const id = native.startCopy(wanted.source, wanted.target, wanted.length, u.syncs, u.binding.wakeFd)
  if (id < 0) return false
  node.bringing = { ...wanted, id }
  u.bringing.add(node)
  return true
}

/** Content that has arrived, its target now the caller's; null where none was wanted; PENDING while it is on its way; or -errno. */
export function takeBrought(u: Union, node: Node): Bringing | number | null {
  const { bringing } = node
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
export function isEnough(brought: Bringing, size: number): boolean {
  return brought.temporary !== null && (size < 0 ? brought.isAll : brought.isAll || size <= brought.length)
}

/** Lets go of content that has come and is not used. */
export function dropBrought(u: Union, { target, temporary, stat }: Bringing): void {
  if (stat !== null) restoreMetacopy(target, stat)
  native.close(target)
  if (temporary !== null) u.writable!.work.discard(temporary)
}

/** The mount ends: nobody waits any more. */
export function cancelBringing(u: Union): void {
  for (const node of [...u.bringing]) {
    const bringing = node.bringing!
    native.cancelCopy(bringing.id)
    forget(u, node)
    discard(u, bringing)
  }
}

function forget(u: Union, node: Node): void {
  node.bringing = null
  u.bringing.delete(node)
}

function discard(u: Union, bringing: Bringing): void {
  native.close(bringing.source)
  dropBrought(u, bringing)
}
