/**
 * statfs, and the inode flags of chattr (FS_IOC_GETFLAGS, FS_IOC_SETFLAGS).
 */
import { Errno } from '../base/errno.js'
import { S_IFDIR, S_IFREG } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { markProtection, PROTECTION } from '../union/context/protection.js'
import { locate, type Union } from '../union/context/union.js'
import { copyUp } from '../union/copy-up/copy-up.js'
import { contentFd, rebindData } from '../union/data/content-fd.js'
import type { Node } from '../union/nodes/node.js'
import { nodeOf } from './directory-of.js'

const AUFS_NAME_MAX = 251

/** The real flags but for the two that protect, which are a mark; where no mark can be, they are real. */
function applyFlags(u: Union, node: Node, fd: number, name: string, flags: number): number {
  const protection = flags & PROTECTION
  if (!u.writable!.capabilities.xattrs) {
    const real = native.setFlags(fd, name, flags)
    if (real >= 0) node.protection = protection
    return real
  }
  // What was gathered before is still to come, and comes through this descriptor.
  if (u.data.noOpen && node.type === S_IFREG && !node.dataWritable) contentFd(u, node, true)
  // Real flags, which an older mount may have set, would refuse the mark.
  const set = native.setFlags(fd, name, flags & ~PROTECTION)
  const marked = set < 0 ? set : markProtection(u, fd, name, protection)
  if (marked >= 0) node.protection = protection
  return marked
}

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
  const fd = locate(u, node)
  const flags = fd < 0 ? fd : native.getFlags(fd, u.locatedName)
  return flags < 0 ? flags : (flags & ~PROTECTION) | node.protection
}

export function setFlags(u: Union, nodeid: number, flags: number): number {
  const node = nodeOf(u, nodeid)
  if (typeof node === 'number') return node
  if (node.type !== S_IFREG && node.type !== S_IFDIR) return -Errno.ENOTTY
  const errno = copyUp(u, node)
  if (errno < 0) return errno
  const fd = locate(u, node)
  const set = fd < 0 ? fd : applyFlags(u, node, fd, u.locatedName, flags)
  // The kernel does not know that this moved the time of change.
  if (set >= 0) u.binding.forgetAttributes(node.id)
  // What is open was opened under the flags before.
  if (set >= 0 && node.dataWritable) rebindData(u, node)
  return set
}
