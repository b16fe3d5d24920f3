/**
 * The first half of a copy-up: the new inode with everything that belongs to it, where nobody sees it yet. All that may
 * fail happens here; what is left of it after a failure is thrown away.
 *
 * The order of attributes matters: chown clears setuid and capabilities, so xattrs and mode come after it, times last.
 * Marks come before the mode, which may keep its own owner from setting them.
 */
import { Errno } from '../../base/errno.js'
import { storedId } from '../../layers/id-mapping.js'
import {
  FS_NOATIME_FL,
  FS_SYNC_FL,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  S_IFDIR,
  S_IFLNK,
  S_IFREG,
  S_PERMISSIONS,
  S_SETID,
} from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'
import { markProtection } from '../context/protection.js'
import type { Union, Writable } from '../context/union.js'
import type { Node } from '../nodes/node.js'
import type { PendingCopy } from '../nodes/pending-copy.js'
import { createContent } from './content.js'
import { setTimes } from './set-times.js'
import { syncContent } from './sync-content.js'
import { copyXattrs } from './xattrs.js'

const COPIED_FLAGS = FS_SYNC_FL | FS_NOATIME_FL

/** One copy-up under way. */
export interface Job {
  readonly u: Union
  readonly node: Node
  readonly writable: Writable
  /** Bytes of content to bring along; -1: all; null: none, it stays below (metacopy). */
  readonly size: number | null
  /** Where the lower inode lies. */
  readonly from: number
  readonly fromName: string
  /** Its stat record. */
  readonly stat: Float64Array
  readonly origin: Uint8Array | null
  /** What it is called in the workdir while it is built; '' for a file without a name, which `file` alone leads to. */
  readonly temporary: string
  /** A regular file as it is being built, open, or -1. */
  file: number
  /** The whole file, made ahead and open; -1: not so. */
  readonly made: number
  /** Content that has been copied beside the loop. */
  readonly brought: PendingCopy | null
}

/** Builds it in the workdir; 0, PENDING or -errno. */
export function build(job: Job): number {
  const { node, stat, temporary } = job
  if (job.made >= 0) return usePrefetched(job)
  const work = job.writable.work.fd
  if (node.type === S_IFREG) return buildFile(job)
  if (node.type === S_IFDIR) return then(native.mkdirat(work, temporary, 0o700), () => dressDirectory(job, work))
  if (node.type === S_IFLNK) {
    const target = native.readlinkat(job.from, job.fromName)
    if (typeof target === 'number') return target
    return then(native.symlinkat(target, work, temporary), () => copyAttributes(job, work, temporary))
  }
  const made = native.mknodat(work, temporary, node.type | 0o600, stat[Stat.RDEV_MAJOR]!, stat[Stat.RDEV_MINOR]!)
  return then(made, () => copyAttributes(job, work, temporary))
}

function usePrefetched(job: Job): number {
  job.file = job.made
  job.u.counters.copyUpBytes += job.stat[Stat.SIZE]!
  return keepProtection(job, job.made, '')
}

function then(errno: number, next: () => number): number {
  return errno < 0 ? errno : next()
}

function buildFile(job: Job): number {
  const fd = job.brought?.target ?? createContent(job.u, job.node, job.temporary, job.size ?? 0)
  if (fd < 0) return fd
  job.file = fd
  let errno = job.size === null ? native.ftruncate(fd, job.stat[Stat.SIZE]!) : 0
  if (errno >= 0) errno = copyAttributes(job, fd, '')
  // Of a file without content nothing has to be on disk before its name is, as under the kernel: only `strict` syncs
  // it. What another thread has brought that thread has synced.
  const syncs = job.u.syncs && ((job.size !== null && !job.brought) || job.u.config.strictSync)
  return errno >= 0 && syncs ? syncContent(job.u, fd) : errno
}

/** With `fsync=strict` it is on disk before its name is. Opened first: its final mode may not let its owner in. */
function dressDirectory(job: Job, work: number): number {
  const { u, temporary } = job
  if (!u.syncs || !u.config.strictSync) return copyAttributes(job, work, temporary)
  const fd = native.openat(work, temporary, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
  if (fd < 0) return fd
  const errno = then(copyAttributes(job, work, temporary), () => native.fsync(fd))
  native.close(fd)
  return errno
}

/** Gives what was built at (fd, name) the owner, xattrs, mode, marks and times of the lower inode. */
export function copyAttributes(job: Job, fd: number, name: string): number {
  const { u, node, stat } = job
  const layer = (node.dir?.lowers.at(0) ?? node.inodeDir!).layer
  const strip = layer.nosuid && node.type === S_IFREG
  const uid = layer.idmapped ? storedId(u.uids, stat[Stat.UID]!) : stat[Stat.UID]!
  const gid = layer.idmapped ? storedId(u.gids, stat[Stat.GID]!) : stat[Stat.GID]!
  let errno = native.chownat(fd, name, uid, gid)
  if (errno < 0) return errno
  errno = copyXattrs(u, job.from, job.fromName, fd, name, strip, layer.idmapped)
  if (errno < 0) return errno
  errno = markOrigin(job, fd, name)
  if (errno >= 0 && job.size === null) errno = u.marks.set(fd, name, 'metacopy', '')
  if (errno >= 0) errno = keepProtection(job, fd, name)
  if (errno < 0) return errno
  if (node.type === S_IFREG || node.type === S_IFDIR) copyInodeFlags(job, fd, name)
  if (node.type !== S_IFLNK) {
    const mode = stat[Stat.MODE]! & S_PERMISSIONS & (strip ? ~S_SETID : S_PERMISSIONS)
    errno = native.chmodat(fd, name, mode)
  }
  return errno < 0 ? errno : setTimes(fd, name, stat)
}

/** What the lower was protected by, as the mark: real flags would stop the copy-up itself. */
function keepProtection({ u, node, writable }: Job, fd: number, name: string): number {
  if (node.protection === 0 || !writable.capabilities.xattrs) return 0
  return markProtection(u, fd, name, node.protection)
}

/** chattr +S and +A come along where both filesystems have them. As ovl_copy_fileattr(). */
function copyInodeFlags({ from, fromName }: Job, fd: number, name: string): void {
  const flags = native.getFlags(from, fromName)
  if (flags < 0 || (flags & COPIED_FLAGS) === 0) return
  const own = native.getFlags(fd, name)
  if (own >= 0) native.setFlags(fd, name, own | (flags & COPIED_FLAGS))
}

/** In a frozen upper it may have had the number of another inode, as its own marks say. */
function hasOtherNumber({ u, node, stat }: Job): boolean {
  const { layer } = node.dir?.lowers.at(0) ?? node.inodeDir!
  return layer.isSnapshot && u.inodes.ofStat(stat) !== node.ino
}

/** The mark that keeps st_ino; a filesystem that cannot hold it only loses that (symlinks under `user.*`). */
function markOrigin(job: Job, fd: number, name: string): number {
  const { u, node } = job
  if (!job.writable.capabilities.xattrs) return 0
  const errno = u.marks.set(fd, name, 'origin', job.origin ?? '')
  if (job.origin === null || hasOtherNumber(job)) u.marks.set(fd, name, 'stratafs.ino', String(node.ino))
  // The kernel keeps `user.*` of other files to itself.
  const refused = errno === -Errno.EPERM || errno === -Errno.EOPNOTSUPP
  return refused && node.type !== S_IFREG && node.type !== S_IFDIR ? 0 : errno
}
