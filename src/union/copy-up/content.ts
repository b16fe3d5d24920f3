/**
 * The content of a copy-up: into a new file in the workdir, or into an upper file that had only metadata so far. A
 * large one is copied on another thread (background-copy.ts), and the request is served again.
 */
import { Errno, PENDING } from '../../base/errno.js'
import { O_RDONLY, O_RDWR, XATTR_CAPABILITY } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { isBeyondCounting, Stat } from '../../syscalls/stat.js'
import { locate, statNode, type Union } from '../context/union.js'
import { splitNodeid } from '../data/backing.js'
import { rebindData } from '../data/content-fd.js'
import type { Node } from '../nodes/node.js'
import type { PendingCopy } from '../nodes/pending-copy.js'
import { isLongCopy, restoreMetacopy, startBackgroundCopy } from './background-copy.js'
import { setTimes } from './set-times.js'
import { syncContent } from './sync-content.js'

/** What is to be copied: an open lower file, the caller's to close, and how much of it. */
export interface Source {
  readonly fd: number
  readonly length: number
  readonly isAll: boolean
}

/** The lower file with `node`'s content; of `size` bytes at most (-1: all). */
export function openSource(u: Union, node: Node, size: number): Source | number {
  // Without content elsewhere it is where the inode is, which may be held by a descriptor alone.
  const place = node.contentDir === null ? locate(u, node) : u.cache.fd(node.contentDir)
  if (place < 0) return place
  const fd = native.openFile(place, node.contentDir === null ? u.locatedName : node.contentName, O_RDONLY)
  if (fd < 0) return fd
  const errno = native.statat(fd, '')
  if (errno < 0) {
    native.close(fd)
    return errno
  }
  const length = native.stat[Stat.SIZE]!
  return { fd, length: size < 0 ? length : Math.min(size, length), isAll: size < 0 || size >= length }
}

/**
 * A new file `temporary` in the workdir (without a name for '') with `size` bytes of the content (-1: all); PENDING; or
 * -errno.
 */
export function createContent(u: Union, node: Node, temporary: string, size: number): number {
  const { work } = u.writable!
  if (size === 0) return work.createFile(temporary)
  const source = openSource(u, node, size)
  if (typeof source === 'number') return source
  const target = work.createFile(temporary)
  if (target < 0) {
    native.close(source.fd)
    return target
  }
  const copied = fill(u, node, source, target, { temporary, stat: null, capabilities: null })
  if (copied === PENDING) return PENDING
  if (copied >= 0) return target
  native.close(target)
  return copied
}

/**
 * Copies into `target`, which stays the caller's but when it is PENDING; `source` is closed. Large content goes beside
 * the loop where there is a thread to be had (a container's limit of them may be reached), and holds it up where not.
 */
function fill(
  u: Union,
  node: Node,
  source: Source,
  target: number,
  to: Pick<PendingCopy, 'temporary' | 'stat' | 'capabilities'>,
): number {
  const { fd, length, isAll } = source
  if (isLongCopy(u, length) && startBackgroundCopy(u, node, { source: fd, target, length, isAll, ...to }))
    return PENDING
  const copied = native.copyContent(fd, target, length)
  native.close(fd)
  if (copied >= 0) u.counters.copyUpBytes += copied
  return copied
}

/**
 * Brings a metacopy's content. It is written in place, then the mark goes. Until then content is read from below, as
 * much of it as the upper inode's size says. So that size is never less than what will be kept. `brought`: what has
 * arrived already.
 */
export function copyUpContent(u: Union, node: Node, size: number, brought: PendingCopy | null): number {
  const stat = brought?.stat ?? statMetacopy(u, node, size)
  if (typeof stat === 'number') return stat
  const keep = size < 0 ? stat[Stat.SIZE]! : Math.min(size, stat[Stat.SIZE]!)
  const fits = brought !== null ? 0 : (u.limit?.admitCopy(node, stat, keep) ?? 0)
  if (fits < 0) return fits
  const fd = brought?.target ?? openMetacopy(u, node)
  if (fd < 0) return fd
  // Bringing content clears them, as any write does; that nobody has written yet. As ovl_copy_up_meta_inode_data().
  const capabilities = brought?.capabilities ?? capabilitiesOf(fd)
  let done = brought !== null && brought.length >= keep ? 0 : fillInPlace(u, node, fd, keep, { stat, capabilities })
  if (done === PENDING) return done
  if (done >= 0) done = settleContent(u, fd, keep, { stat, capabilities })
  if (done < 0) restoreMetacopy(fd, stat)
  native.close(fd)
  if (done < 0) return done
  const { contentDir: data, contentName: dataName } = node
  node.contentDir = null
  u.limit?.copied(node)
  splitNodeid(u, node, data!, dataName)
  return rebindData(u, node)
}

/** What a metacopy had before its content came. */
type Kept = Pick<PendingCopy, 'stat' | 'capabilities'> & { readonly stat: Float64Array }

function capabilitiesOf(fd: number): Uint8Array | null {
  const value = native.getxattr(fd, '', XATTR_CAPABILITY)
  return typeof value === 'number' ? null : value
}

/** The stat record of a metacopy, a copy of it; or -errno. */
function statMetacopy(u: Union, node: Node, size: number): Float64Array | number {
  const errno = statNode(u, node)
  if (errno < 0) return errno
  return size < 0 && isBeyondCounting(native.stat) ? -Errno.EFBIG : native.stat.slice()
}

function openMetacopy(u: Union, node: Node): number {
  const place = locate(u, node)
  return place < 0 ? place : native.openFile(place, u.locatedName, O_RDWR)
}

function fillInPlace(u: Union, node: Node, target: number, keep: number, kept: Kept): number {
  if (keep === 0) return 0
  const source = openSource(u, node, keep)
  if (typeof source === 'number') return source
  return fill(u, node, { ...source, length: keep }, target, { temporary: null, ...kept })
}

function settleContent(u: Union, fd: number, keep: number, { stat, capabilities }: Kept): number {
  let errno = native.ftruncate(fd, keep)
  if (errno >= 0 && capabilities !== null) errno = native.setxattr(fd, '', XATTR_CAPABILITY, capabilities, 0)
  if (errno >= 0) errno = setTimes(fd, '', stat)
  if (errno >= 0 && u.syncs) errno = syncContent(u, fd)
  return errno < 0 ? errno : u.marks.remove(fd, '', 'metacopy')
}
