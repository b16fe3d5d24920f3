/**
 * The union's link count of a hard-link group with names in a lower layer, kept as a mark on the upper inode. The mark
 * is relative to a real count that changes in the same act, so that a crash before or after it leaves a right number:
 *
 * - `U+N`, relative to the upper's count: a name of the union comes or goes together with an upper link;
 * - `L+N`, relative to the lower's count: the upper gains a link for a name that the union has already.
 *
 * As ovl_set_nlink_upper() and ovl_set_nlink_lower() in fs/overlayfs/util.c.
 */
import { Errno } from '../../base/errno.js'
import { indexName } from '../../layers/file-handle.js'
import { latin1 } from '../../layers/marks.js'
import { S_IFREG } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'
import { locate, type Union } from '../context/union.js'
import type { Node } from '../nodes/node.js'
import { parseLinks } from './lookup.js'

/** Notes the union's link count of `node` at (fd, name), relative to a real count; 0 or -errno. */
export function setNlinkMark(u: Union, node: Node, fd: number, name: string, to: 'U' | 'L', real: number): number {
  const difference = node.links!.nlink - real
  const errno = u.marks.set(fd, name, 'nlink', `${to}${difference < 0 ? '' : '+'}${difference}`)
  u.limit?.marked(fd, name)
  // The kernel keeps `user.*` to regular files and directories: others stay together, their count is not kept.
  return errno === -Errno.EPERM && node.type !== S_IFREG ? 0 : errno
}

/** Notes the union's link count in the upper, relative to the upper's own; 0 or -errno. */
export function writeUnionNlink(u: Union, node: Node): number {
  if (node.links === null || !node.inUpper) return 0
  const fd = locate(u, node)
  const name = u.locatedName
  const errno = fd < 0 ? fd : native.statat(fd, name)
  return errno < 0 ? errno : setNlinkMark(u, node, fd, name, 'U', native.stat[Stat.NLINK]!)
}

/**
 * Gives an upper inode one more of its names in the upper, the directory `upper`; the union's count stays. As
 * ovl_link_up().
 */
export function linkIntoUpper(u: Union, node: Node, upper: number, name: string): number {
  const fd = locate(u, node)
  if (fd < 0) return fd
  const from = u.locatedName
  const origin = u.marks.get(fd, from, 'origin')
  const lower = typeof origin === 'number' ? null : u.inodes.originLinks(origin)
  let errno = lower === null || lower === 0 ? 0 : setNlinkMark(u, node, fd, from, 'L', lower)
  if (errno >= 0) errno = native.linkat(fd, from, upper, name)
  return errno < 0 ? errno : writeUnionNlink(u, node)
}

/** The last name of a group is gone: its entry in the index goes, too. */
export function dropLinkIndexEntry(u: Union, node: Node): void {
  const index = u.writable!.work.index
  if (index === null) return
  if (node.inodeDir === index) return void native.unlinkat(index.fd, node.inodeName, 0)
  const fd = locate(u, node)
  const origin = fd < 0 ? fd : u.marks.get(fd, u.locatedName, 'origin')
  if (typeof origin !== 'number') native.unlinkat(index.fd, indexName(origin), 0)
}

/**
 * Removes what a crash left in the index between the loss of a group's last name and that of its entry, and entries
 * whose lower file was removed while nothing was mounted, since no name leads to them. Notes the lower files that have
 * one name left, the others having been removed likewise: they are looked for in the index, too.
 */
export function sweepIndex(u: Union): void {
  const index = u.writable!.work.index!
  const entries = native.readDirectory(index.fd, '')
  if (typeof entries === 'number') return
  for (const name of entries.names) {
    const origin = Buffer.from(name, 'hex')
    if (u.inodes.originLinks(origin) === 0) {
      leaveIndex(u, index.fd, name)
      continue
    }
    const single = u.inodes.singleOf(origin)
    if (single !== null) u.singled.add(single)
    if (native.statat(index.fd, name) < 0 || native.stat[Stat.NLINK] !== 1) continue
    const mark = u.marks.get(index.fd, name, 'nlink')
    if (typeof mark === 'number' || !latin1(mark).startsWith('U')) continue
    if (parseLinks(latin1(mark), 1, 0) === null) native.unlinkat(index.fd, name, 0)
  }
}

/** The names of this group in the upper are hard links like others from now on, and counted as such. */
function leaveIndex(u: Union, index: number, name: string): void {
  u.marks.remove(index, name, 'nlink')
  native.unlinkat(index, name, 0)
}
