/**
 * Names for the slots of a stat record: what `statat` leaves in `native.stat`, and `statMany` in each run of
 * STAT_SLOTS numbers. Records are plain numbers in a typed array so that a lookup allocates nothing; copy out what has
 * to outlive the next call.
 */

import { S_IFCHR, S_IFMT } from './constants.js'

/** Numbers per record. */
export const STAT_SLOTS = 25

/** Slots of a record, in the order of StatSlots in native-bindings/index.d.ts. */
export const Stat = {
  MODE: 0,
  NLINK: 1,
  UID: 2,
  GID: 3,
  RDEV_MAJOR: 4,
  RDEV_MINOR: 5,
  SIZE: 6,
  /** In units of 512 bytes. */
  BLOCKS: 7,
  BLKSIZE: 8,
  /** st_ino in two halves of 32 bits: a number cannot hold 64. */
  INO_LOW: 9,
  INO_HIGH: 10,
  DEV_MAJOR: 11,
  DEV_MINOR: 12,
  ATIME: 13,
  ATIME_NS: 14,
  MTIME: 15,
  MTIME_NS: 16,
  CTIME: 17,
  CTIME_NS: 18,
  /** 0 where the filesystem keeps no time of birth. */
  BTIME: 19,
  BTIME_NS: 20,
  MOUNT_ID: 21,
  /** STATX_ATTR_* bits. */
  ATTRIBUTES: 22,
  /** The low 32 bits of a size, of use where it is 2^53 or more: SIZE is rounded then. */
  SIZE_LOW: 23,
  /** 0, or why `statMany` could not read this record (positive); after a failed `findFirst` the index it failed at. */
  ERRNO: 24,
} as const

/** Whether the size in `record` is rounded, as of 2^53 bytes (8 PiB): a copy of so many would be longer or shorter. */
export function isBeyondCounting(record: Float64Array): boolean {
  return record[Stat.SIZE]! > Number.MAX_SAFE_INTEGER
}

/** Slots of `native.fsstat`. */
export const FsStatSlot = {
  BSIZE: 0,
  FRSIZE: 1,
  BLOCKS: 2,
  BFREE: 3,
  BAVAIL: 4,
  FILES: 5,
  FFREE: 6,
  NAMELEN: 7,
  TYPE: 8,
  FLAGS: 9,
} as const

/** Whether the record of `stats` at `at` is of the character device 0:0, the whiteout of union filesystems. */
export function isWhiteoutDevice(stats: Float64Array, at = 0): boolean {
  if ((stats[at + Stat.MODE]! & S_IFMT) !== S_IFCHR) return false
  return stats[at + Stat.RDEV_MAJOR] === 0 && stats[at + Stat.RDEV_MINOR] === 0
}
