/**
 * An upper directory that is empty as merged but holds whiteouts on disk cannot be replaced by a rename. It is exchanged for
 * an opaque, truly empty one with the same attributes, so that the merged tree never shows a difference, and taken apart
 * in the workdir. As ovl_clear_empty() in fs/overlayfs/dir.c.
 */
import { O_DIRECTORY, O_PATH, RENAME_EXCHANGE } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { Stat } from '../syscalls/stat.js'
import { copyXattrs } from './copy-xattrs.js'
import type { Node } from './node.js'
import { markOpaque } from './opaque.js'
import { setTimes } from './set-times.js'
import type { Union } from './union.js'

/** Exchanges `node`, an upper directory that shows nothing, for an empty one; 0 or -errno. */
export function clearEmpty(u: Union, node: Node): number {
  const upper = node.dir!.upper!
  const parentFd = u.cache.fd(upper.parent!)
  const from = u.cache.fd(upper)
  if (parentFd < 0 || from < 0) return Math.min(parentFd, from)
  const work = u.writable!.work
  const temporary = work.temporary()
  let errno = makeTwin(u, from, work.fd, temporary)
  if (errno >= 0) errno = native.renameat(work.fd, temporary, parentFd, upper.name, RENAME_EXCHANGE)
  work.discard(temporary)
  if (errno < 0) return errno
  u.cache.release(upper)
  upper.aufs = 'unknown'
  upper.xattrWhiteouts = false
  node.dir!.lowers = []
  return 0
}

function makeTwin(u: Union, from: number, work: number, name: string): number {
  const made = native.mkdirat(work, name, 0o700)
  if (made < 0) return made
  const fd = native.openat(work, name, O_PATH | O_DIRECTORY, 0)
  if (fd < 0) return fd
  let errno = native.statat(from, '')
  const stat = native.stat.slice()
  if (errno >= 0) errno = native.chownat(fd, '', stat[Stat.UID]!, stat[Stat.GID]!)
  if (errno >= 0) errno = copyXattrs(u, from, '', fd, '', false)
  if (errno >= 0) errno = copyOrigin(u, from, fd)
  if (errno >= 0) errno = native.chmodat(fd, '', stat[Stat.MODE]! & 0o7777)
  if (errno >= 0) errno = markOpaque(u, fd, '')
  if (errno >= 0) setTimes(fd, '', stat)
  native.close(fd)
  return errno
}

/** The inode number stays, should the rename that this prepares not come. */
function copyOrigin(u: Union, from: number, to: number): number {
  const origin = u.marks.get(from, '', 'origin')
  return typeof origin === 'number' ? 0 : u.marks.set(to, '', 'origin', origin)
}
