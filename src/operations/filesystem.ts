/**
 * statfs, and the inode flags of chattr (FS_IOC_GETFLAGS, FS_IOC_SETFLAGS).
 */
import { Errno } from '../base/errno.js'
import { S_IFDIR, S_IFREG } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { copyUp } from '../union/copy-up.js'
import { rebindData } from '../union/data.js'
import { placeOf, type Union } from '../union/union.js'
import { nodeOf } from './directory-of.js'

const AUFS_NAME_MAX = 251

/** The upper's numbers, or the topmost lower's. */
export function statfs(u: Union, nodeid: number): number {
  const node = nodeOf(u, nodeid)
  if (typeof node === 'number') return node
  const layer = u.writable?.layer ?? u.lowers[0]!
  // What was removed before somebody asks is free.
  native.settleClosing()
  const errno = native.statfs(layer.rootFd)
  if (errno < 0) return errno
  const [bsize, frsize, blocks, bfree, bavail, files, ffree, namelen] = native.fsstat
  Object.assign(u.fsstat, { bsize, frsize, blocks, bfree, bavail, files, ffree })
  u.fsstat.namelen = u.whiteouts.writeAufs ? Math.min(namelen!, AUFS_NAME_MAX) : namelen!
  return 0
}

export function getFlags(u: Union, nodeid: number): number {
  const node = nodeOf(u, nodeid)
  if (typeof node === 'number') return node
  if (node.type !== S_IFREG && node.type !== S_IFDIR) return -Errno.ENOTTY
  const fd = placeOf(u, node)
  return fd < 0 ? fd : native.getFlags(fd, u.placeName)
}

export function setFlags(u: Union, nodeid: number, flags: number): number {
  const node = nodeOf(u, nodeid)
  if (typeof node === 'number') return node
  if (node.type !== S_IFREG && node.type !== S_IFDIR) return -Errno.ENOTTY
  const errno = copyUp(u, node)
  if (errno < 0) return errno
  const fd = placeOf(u, node)
  const set = fd < 0 ? fd : native.setFlags(fd, u.placeName, flags)
  // What is open was opened under the flags before.
  if (set >= 0 && node.dataWritable) rebindData(u, node)
  return set
}
