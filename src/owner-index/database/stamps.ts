/**
 * How an edited layer is noticed: the stamp of a directory in a layer is its inode, ctime and mtime. Nothing can be
 * added to a directory, taken from it, renamed in it, nor can its own marks change, without a new ctime, which no
 * program can set. What was changed in the last moments before it was read may have been changed once more within the
 * same tick of the clock: such a reading is `racy` and believed only by the mount during which it was made.
 */
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'

/** Bytes of one part's stamp: inode f64, ctime u32 + ns u32, mtime u32 + ns u32. */
export const STAMP_BYTES = 24

/** A change this many seconds before the reading, or less, makes it racy. */
const RACY_SECONDS = 2

/** The inode number in a stat record at `at`. Above 2^53 it is rounded, always in the same way. */
export function inodeOf(stat: Float64Array, at = 0): number {
  return stat[at + Stat.INO_HIGH]! * 0x100000000 + stat[at + Stat.INO_LOW]!
}

/** Writes the stamp that `native.stat` holds as part number `part`. */
export function writeStamp(stamps: Buffer, part: number): void {
  const { stat } = native
  const at = part * STAMP_BYTES
  stamps.writeDoubleLE(inodeOf(stat), at)
  stamps.writeUInt32LE(stat[Stat.CTIME]! >>> 0, at + 8)
  stamps.writeUInt32LE(stat[Stat.CTIME_NS]!, at + 12)
  stamps.writeUInt32LE(stat[Stat.MTIME]! >>> 0, at + 16)
  stamps.writeUInt32LE(stat[Stat.MTIME_NS]!, at + 20)
}

/** The inode that the first part's stamp names; above 2^53 it is rounded. */
export function stampedInode(stamps: Buffer): number {
  return stamps.readDoubleLE(0)
}

/** Whether `native.stat` is what the stamp of part number `part` says. */
export function isStamped(stamps: Buffer, part: number): boolean {
  const { stat } = native
  const at = part * STAMP_BYTES
  return (
    stamps.readDoubleLE(at) === inodeOf(stat) &&
    stamps.readUInt32LE(at + 8) === stat[Stat.CTIME]! >>> 0 &&
    stamps.readUInt32LE(at + 12) === stat[Stat.CTIME_NS]! &&
    stamps.readUInt32LE(at + 16) === stat[Stat.MTIME]! >>> 0 &&
    stamps.readUInt32LE(at + 20) === stat[Stat.MTIME_NS]!
  )
}

/**
 * Whether the file of the stat record at `at` changed so shortly before `now` (ms) that it may change again unnoticed.
 */
export function isRacy(stat: Float64Array, at: number, now: number): boolean {
  return stat[at + Stat.CTIME]! >= now / 1000 - RACY_SECONDS
}
