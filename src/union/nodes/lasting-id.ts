/**
 * Nodeids that mean the same inode in every mount of the same layers, so that a file handle made of one can be opened
 * after a remount: bit 52, then the filesystem's place (4 bits), the type (3), the inode number (45). Directories, and
 * what does not fit, have none; they are counted from 1 and stay below bit 52. Pure.
 */
import { S_IFBLK, S_IFCHR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK } from '../../syscalls/constants.js'

const LASTING = 2 ** 52
const FILESYSTEM_UNIT = 2 ** 48
const TYPE_UNIT = 2 ** 45
const TYPES = [S_IFREG, S_IFLNK, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK]
const FILESYSTEMS = 16

/** The nodeid of an inode by its type and its number in the mount (inode-numbers.ts); 0: it has none that lasts. */
export function lastingId(type: number, ino: number): number {
  const filesystem = Math.floor(ino / FILESYSTEM_UNIT)
  const inode = ino % FILESYSTEM_UNIT
  const at = TYPES.indexOf(type)
  if (at < 0 || filesystem >= FILESYSTEMS || inode >= TYPE_UNIT) return 0
  return LASTING + filesystem * FILESYSTEM_UNIT + at * TYPE_UNIT + inode
}

/** What a lasting nodeid means; null for any other. */
export function inodeOfId(id: number): { type: number; filesystem: number; inode: number; ino: number } | null {
  if (id < LASTING) return null
  const rest = id - LASTING
  const type = TYPES[Math.floor((rest % FILESYSTEM_UNIT) / TYPE_UNIT)]
  if (type === undefined) return null
  const filesystem = Math.floor(rest / FILESYSTEM_UNIT)
  const inode = rest % TYPE_UNIT
  return { type, filesystem, inode, ino: filesystem * FILESYSTEM_UNIT + inode }
}
