/**
 * Immutable and append-only files and directories (chattr +i, +a). The kernel knows nothing of these flags on a FUSE
 * inode, so what the VFS would refuse is refused here. In the upper they are the mark `protattr`, not real flags: those
 * would keep the union itself from renaming or marking what they stand on. As ovl_check_protattr() and
 * ovl_set_protattr().
 */
import { Errno } from '../../base/errno.js'
import type { Marks } from '../../layers/marks.js'
import { FS_APPEND_FL, FS_IMMUTABLE_FL } from '../../syscalls/constants.js'
import { Stat } from '../../syscalls/stat.js'
import type { Node } from '../nodes/node.js'
import type { Union } from './union.js'

/** The two flags, which have the same bits in FS_*_FL and STATX_ATTR_*. */
export const PROTECTION = FS_IMMUTABLE_FL | FS_APPEND_FL

/** The flags of what `stat` and the upper's `marks` describe: a mark counts instead of the real flags. */
export function protectionOf(stat: Float64Array, marks: Marks): number {
  return marks.protection ?? stat[Stat.ATTRIBUTES]! & PROTECTION
}

/** -EPERM where `node` is immutable or append-only, else 0: for changes of attributes and for further names. */
export function checkChange(node: Node): number {
  return node.protection === 0 ? 0 : -Errno.EPERM
}

/** -EPERM where `node` is immutable, else 0. */
export function checkImmutable(node: Node): number {
  return (node.protection & FS_IMMUTABLE_FL) === 0 ? 0 : -Errno.EPERM
}

/** -EPERM where `node` may not lose its name in `parent`, else 0. As may_delete() in fs/namei.c. */
export function checkDelete(parent: Node, node: Node): number {
  return checkChange(parent) < 0 ? -Errno.EPERM : checkChange(node)
}

/** The mark's text: `a`, `i` or `ai`. */
function protectionText(protection: number): string {
  return `${(protection & FS_APPEND_FL) === 0 ? '' : 'a'}${(protection & FS_IMMUTABLE_FL) === 0 ? '' : 'i'}`
}

/** Writes or removes the mark at (fd, name) in the upper; 0 or -errno. */
export function markProtection(u: Union, fd: number, name: string, protection: number): number {
  if (protection !== 0) return u.marks.set(fd, name, 'protattr', protectionText(protection))
  const removed = u.marks.remove(fd, name, 'protattr')
  return removed === -Errno.ENODATA || removed === -Errno.EOPNOTSUPP ? 0 : removed
}
