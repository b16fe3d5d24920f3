/**
 * Copy-up: before anything of a lower file or directory changes, the whole of it comes to the upper. Parents first;
 * built in the workdir with content, owner, mode, times and xattrs; synced; moved in by one rename, or a file by one
 * link, which is the commit point. A crash before it leaves rubbish in the workdir, after it the whole new file.
 * Mirrors fs/overlayfs/copy_up.c.
 */
import { Errno, PENDING } from '../../base/errno.js'
import { indexName } from '../../layers/file-handle.js'
import { LayerDir } from '../../layers/layer-dir.js'
import { originMark } from '../../layers/origin-mark.js'
import { O_NOFOLLOW, O_PATH, S_IFREG } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { isBeyondCounting, Stat } from '../../syscalls/stat.js'
import { notifyIndexOfNode } from '../context/index-updates.js'
import { locate, statNode, type Union, type Writable } from '../context/union.js'
import { splitNodeid } from '../data/backing.js'
import { rebindData } from '../data/content-fd.js'
import { keepUnlinked } from '../data/forget.js'
import { setNlinkMark } from '../lookup/link-counts.js'
import { placeAgain } from '../lookup/lookup.js'
import { keepTold, listingAdd } from '../lookup/merged-directory.js'
import type { Node } from '../nodes/node.js'
import type { PendingCopy } from '../nodes/pending-copy.js'
import { coversSize, discardCopy, takeFinishedCopy } from './background-copy.js'
import { build, type Job } from './build.js'
import { copyUpContent } from './content.js'
import { settleFilling } from './filling.js'
import { originAhead, prefetchNext, takePrefetched } from './prefetch.js'
import { setTimes } from './set-times.js'

/**
 * Makes `node` an upper one; 0 or -errno. `size`: how much of a regular file's content will still be needed (0 before a
 * truncation). `metadata`: only attributes will change, so that with metacopy the content may stay below. PENDING:
 * large content is on its way, nothing has been done; the request is to be served again when the copy has ended.
 */
export function copyUp(u: Union, node: Node, size = -1, metadata = false): number {
  if (u.writable === null) return -Errno.EROFS
  const settled = settleFilling(u, node)
  if (settled < 0) return settled
  const brought = takeFinishedCopy(u, node)
  if (typeof brought === 'number') return brought
  if (node.isUpper) return isWanted(node, metadata, brought) ? copyUpContent(u, node, size, brought) : 0
  const errno = bringUp(u, node, size, metadata, brought)
  if (errno < 0 || node.dir !== null) return errno
  return rebindData(u, node)
}

/** Content that has come in place is used, whoever comes first. */
function isWanted(node: Node, metadata: boolean, brought: PendingCopy | null): boolean {
  return node.contentDir !== null && (!metadata || brought !== null)
}

export function bringUp(u: Union, node: Node, size: number, metadata: boolean, brought: PendingCopy | null): number {
  if (brought !== null && !coversSize(brought, size)) {
    discardCopy(u, brought)
    return bringUp(u, node, -1, false, null)
  }
  const above = bringUpParent(u, node)
  const job = above < 0 ? above : start(u, node, size, metadata, brought)
  if (typeof job === 'number') {
    if (brought !== null) discardCopy(u, brought)
    return job
  }
  const from = node.contentDir ?? node.inodeDir
  const fromName = node.contentDir === null ? node.inodeName : node.contentName
  const built = buildWithin(job)
  const errno = built < 0 ? built : commit(job)
  if (job.file >= 0) native.close(job.file)
  // While content is on its way it lies there for who comes again.
  if (errno < 0 && errno !== PENDING) job.writable.work.discard(job.temporary)
  if (errno < 0) return errno
  u.counters.copyUps++
  u.limit?.copied(node)
  if (node.dir === null && job.size !== null && from !== null) splitNodeid(u, node, from, fromName)
  if (metadata && job.size !== null) prefetchNext(u, node)
  return 0
}

/** As `build`; what would exceed the limit is refused before anything is copied, or before anybody sees it. */
function buildWithin(job: Job): number {
  const { limit } = job.u
  const fits = limit?.admitCopy(job.node, job.stat, job.size) ?? 0
  const built = fits < 0 ? fits : build(job)
  return built < 0 || limit === null || job.file < 0 ? built : limit.admitBuilt(job.file)
}

function bringUpParent(u: Union, node: Node): number {
  if (node.parent !== null) return copyUp(u, node.parent)
  return node.dir === null ? 0 : -Errno.ENOENT
}

export function start(
  u: Union,
  node: Node,
  size: number,
  metadata: boolean,
  brought: PendingCopy | null,
): Job | number {
  const errno = statNode(u, node)
  if (errno < 0) return errno
  const from = locate(u, node)
  const fromName = u.locatedName
  if (size < 0 && isBeyondCounting(native.stat)) return -Errno.EFBIG
  const stat = native.stat.slice()
  const dir = node.dir?.lowers.at(0) ?? node.inodeDir!
  const whole = brought !== null || !(metadata && u.config.metacopy && node.type === S_IFREG && stat[Stat.SIZE]! > 0)
  return {
    u,
    node,
    writable: u.writable!,
    size: whole ? (node.contentDir === null || size >= 0 ? size : -1) : null,
    from,
    fromName,
    stat,
    origin: originAhead(u, node) ?? originMark(from, fromName, dir),
    temporary: brought?.temporary ?? temporaryFor(u.writable!, node),
    file: -1,
    made: whole && size < 0 && brought === null ? takePrefetched(u, node) : -1,
    brought,
  }
}

/** A file needs no name before its last, and leaves none behind then; as ovl_copy_up_tmpfile(). */
function temporaryFor(writable: Writable, node: Node): string {
  return node.type === S_IFREG && writable.capabilities.tmpfile ? '' : writable.work.temporary()
}

/** The one act on disk, then memory. */
export function commit(job: Job): number {
  const { u, node } = job
  if (node.removed || node.parent === null) return commitUnnamed(job)
  const parent = node.parent.dir!
  const upperFd = u.cache.fd(parent.upper!)
  if (upperFd < 0) return upperFd
  markImpure(u, node.parent)
  let errno = native.statat(upperFd, '')
  if (errno < 0) return errno
  const times = native.stat.slice()
  keepTold(u, node.parent)
  errno = hasLinkIndexEntry(job) ? commitThroughLinkIndex(job, upperFd) : moveIn(job, upperFd)
  if (errno < 0) return errno
  // From here the upper holds it; nothing below may fail.
  setTimes(upperFd, '', times)
  listingAdd(node.parent, node.name, node.type)
  notifyIndexOfNode(u, node)
  node.hasOrigin = true
  if (node.dir !== null) node.dir.upper = new LayerDir(job.writable.layer, parent.upper, node.name)
  if (job.size === null && node.contentDir === null) {
    node.contentDir = node.inodeDir
    node.contentName = node.inodeName
  } else if (job.size !== null) node.contentDir = null
  if (node.dir === null && !hasLinkIndexEntry(job)) placeAgain(u, node, parent.upper!, node.name)
  else if (node.dir === null) placeAgain(u, node, job.writable.work.index!, indexName(job.origin!))
  return 0
}

function moveIn(job: Job, upperFd: number): number {
  return giveName(job, upperFd, job.node.name)
}

function giveName(job: Job, fd: number, name: string): number {
  if (job.temporary === '') return native.linkat(job.file, '', fd, name)
  return native.renameat(job.writable.work.fd, job.temporary, fd, name, 0)
}

/** A lower hard link whose group is kept together by the index. */
function hasLinkIndexEntry(job: Job): boolean {
  return job.node.links !== null && job.origin !== null && job.writable.work.index !== null
}

/**
 * The new upper inode goes into the index first, with the union's link count as its mark, and then gets its name. Until
 * it has one, the lower file shows. After a crash the index entry alone makes every name mean the new inode.
 */
function commitThroughLinkIndex(job: Job, upperFd: number): number {
  const { u, node } = job
  const index = job.writable.work.index!
  const name = indexName(job.origin!)
  const work = job.writable.work.fd
  const nameless = job.temporary === ''
  let errno = setNlinkMark(u, node, nameless ? job.file : work, job.temporary, 'L', job.stat[Stat.NLINK]!)
  if (errno >= 0) errno = giveName(job, index.fd, name)
  if (errno < 0) return errno
  errno = native.linkat(index.fd, name, upperFd, node.name)
  if (errno < 0) native.unlinkat(index.fd, name, 0)
  else setNlinkMark(u, node, index.fd, name, 'U', 2)
  return errno
}

/** A file that has lost its name but is open: it gets an upper inode without one. */
function commitUnnamed(job: Job): number {
  const nameless = job.temporary === ''
  const work = job.writable.work.fd
  const pin = nameless
    ? native.openat(job.file, '', O_PATH, 0)
    : native.openat(work, job.temporary, O_PATH | O_NOFOLLOW, 0)
  if (pin < 0) return pin
  const errno = nameless ? 0 : native.unlinkat(work, job.temporary, 0)
  if (errno < 0) {
    native.close(pin)
    return errno
  }
  job.node.unlinkedFd = pin
  job.node.inUpper = true
  job.node.inodeDir = null
  job.node.contentDir = null
  keepUnlinked(job.u, job.node, pin)
  job.u.nodes.ledger?.renamed(job.node)
  return 0
}

/** Says in the upper that a directory has children with an origin. As ovl_set_impure(). */
export function markImpure(u: Union, node: Node): void {
  const dir = node.dir!
  if (dir.impure || dir.upper === null || !u.writable!.capabilities.xattrs) return
  const fd = u.cache.fd(dir.upper)
  if (fd >= 0 && u.marks.set(fd, '', 'impure', 'y') >= 0) dir.impure = true
}
