/**
 * An upper directory that is empty as merged but holds whiteouts on disk cannot be replaced by a rename. It is
 * exchanged for an opaque, truly empty one with the same attributes, so that the merged tree never shows a difference,
 * and taken apart in the workdir. As ovl_clear_empty() in fs/overlayfs/dir.c.
 */
import { AUFS_PREFIX } from '../../layers/whiteouts.js'
import { O_DIRECTORY, O_PATH, RENAME_EXCHANGE } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'
import type { Union } from '../context/union.js'
import { setTimes } from '../copy-up/set-times.js'
import { copyXattrs } from '../copy-up/xattrs.js'
import type { Node } from '../nodes/node.js'
import { markOpaque } from './opaque.js'

/** Exchanges `node`, an upper directory that shows nothing, for an empty one; 0 or -errno. */
export function replaceByOpaqueEmpty(u: Union, node: Node): number {
  const upper = node.dir!.upper!
  const parentFd = u.cache.fd(upper.parent!)
  const from = u.cache.fd(upper)
  if (parentFd < 0 || from < 0) return Math.min(parentFd, from)
  const work = u.writable!.work
  const temporary = work.temporary()
  let errno = makeEmptyCopy(u, from, work.fd, temporary)
  if (errno >= 0) errno = native.renameat(work.fd, temporary, parentFd, upper.name, RENAME_EXCHANGE)
  work.discard(temporary)
  if (errno < 0) return errno
  u.cache.release(upper)
  upper.aufs = 'unknown'
  upper.xattrWhiteouts = false
  node.dir!.lowers = []
  return 0
}

/**
 * Where opaque is spelled by a file inside, no opaque directory is truly empty, and none can be renamed over. Then
 * `node` makes way: its name is hidden first, so that nothing below shows through. Its new name in the workdir, or
 * -errno.
 */
export function moveAside(u: Union, node: Node): string | number {
  const upper = node.dir!.upper!
  const parentFd = u.cache.fd(upper.parent!)
  if (parentFd < 0) return parentFd
  const { work } = u.writable!
  const aside = work.temporary()
  const hidden = u.whiteouts.make(upper.parent!, upper.name)
  if (hidden < 0) return hidden
  const errno = native.renameat(parentFd, upper.name, work.fd, aside, 0)
  if (errno >= 0) return aside
  u.whiteouts.remove(upper.parent!, upper.name)
  return errno
}

/** After a rename that did not come: the directory `aside` has its name again. */
export function moveBack(u: Union, node: Node, aside: string): void {
  const upper = node.dir!.upper!
  native.renameat(u.writable!.work.fd, aside, u.cache.fd(upper.parent!), upper.name, 0)
  native.unlinkat(u.cache.fd(upper.parent!), `${AUFS_PREFIX}${upper.name}`, 0)
}

function makeEmptyCopy(u: Union, from: number, work: number, name: string): number {
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
