/**
 * The union's link count of a hard-link group with names in a lower layer, kept as a mark on the upper inode. It is written
 * relative to the one of the two real counts that the act at hand moves along with it, so that it is right before the act
 * and after it, whenever a crash comes: `U+N` to the upper's, where a name of the union comes or goes with an upper link;
 * `L+N` to the lower's, where the upper gains a link for a name that the union has already. As ovl_set_nlink_upper() and
 * ovl_set_nlink_lower() in fs/overlayfs/util.c.
 */
import { indexName } from '../layers/file-handle.js'
import { latin1 } from '../layers/marks.js'
import { native } from '../syscalls/native.js'
import { Stat } from '../syscalls/stat.js'
import { parseLinks } from './lookup.js'
import type { Node } from './node.js'
import { placeOf, type Union } from './union.js'

/** Notes `nlink` at (fd, name), relative to a real count; 0 or -errno. */
export function markLinks(u: Union, fd: number, name: string, to: 'U' | 'L', nlink: number, real: number): number {
  const difference = nlink - real
  return u.marks.set(fd, name, 'nlink', `${to}${difference < 0 ? '' : '+'}${difference}`)
}

/** Notes the union's link count in the upper, relative to the upper's own; 0 or -errno. */
export function writeLinks(u: Union, node: Node): number {
  if (node.links === null || !node.inUpper) return 0
  const fd = placeOf(u, node)
  const name = u.placeName
  const errno = fd < 0 ? fd : native.statat(fd, name)
  return errno < 0 ? errno : markLinks(u, fd, name, 'U', node.links.nlink, native.stat[Stat.NLINK]!)
}

/** Gives an upper inode one more of its names in the upper, the directory `upper`; the union's count stays. As ovl_link_up(). */
export function linkUp(u: Union, node: Node, upper: number, name: string): number {
  const fd = placeOf(u, node)
  if (fd < 0) return fd
  const from = u.placeName
  const origin = u.marks.get(fd, from, 'origin')
  const lower = typeof origin === 'number' ? null : u.inodes.originLinks(origin)
  let errno = lower === null ? 0 : markLinks(u, fd, from, 'L', node.links!.nlink, lower)
  if (errno >= 0) errno = native.linkat(fd, from, upper, name)
  return errno < 0 ? errno : writeLinks(u, node)
}

/** The last name of a group is gone: its entry in the index goes, too. */
export function dropIndexed(u: Union, node: Node): void {
  const index = u.writable!.work.index
  if (index === null) return
  if (node.at === index) return void native.unlinkat(index.fd, node.atName, 0)
  const fd = placeOf(u, node)
  const origin = fd < 0 ? fd : u.marks.get(fd, u.placeName, 'origin')
  if (typeof origin !== 'number') native.unlinkat(index.fd, indexName(origin), 0)
}

/** Removes what a crash left in the index between the loss of a group's last name and that of its entry. */
export function sweepIndex(u: Union): void {
  const index = u.writable!.work.index!
  const entries = native.readDirectory(index.fd, '')
  if (typeof entries === 'number') return
  for (const name of entries.names) {
    if (native.statat(index.fd, name) < 0 || native.stat[Stat.NLINK] !== 1) continue
    const mark = u.marks.get(index.fd, name, 'nlink')
    if (typeof mark === 'number' || !latin1(mark).startsWith('U')) continue
    if (parseLinks(latin1(mark), 1, 0) === null) native.unlinkat(index.fd, name, 0)
  }
}
