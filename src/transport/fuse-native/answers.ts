/**
 * What fuse-native's C half takes for an answer: arrays of 32-bit numbers, in the order in which its populate_stat()
 * and populate_statvfs() read them. They have no room for 64-bit inode numbers and block counts, nor for nanoseconds,
 * so it is decided here, in one place, what becomes of those. Pure.
 */
import type { Attr, FsStat } from '../../operations/contract.js'

const UINT32 = 0x1_0000_0000
const HALF = 0x8000_0000

/** Order: mode uid gid size(2) dev nlink ino rdev blksize blocks(2) atime(2) mtime(2) ctime(2); times in ms. */
const STAT_INTS = 18

/** u32 pairs, low half first. */
function setPair(into: Uint32Array, at: number, value: number): void {
  into[at] = value % UINT32
  into[at + 1] = Math.floor(value / UINT32)
}

/** Milliseconds, rounded down; a time before 1970 has none and becomes 0. */
export function milliseconds(seconds: number, nanoseconds: number): number {
  return Math.max(0, seconds * 1000 + Math.floor(nanoseconds / 1_000_000))
}

/** As new_encode_dev() in the kernel: what struct stat's st_rdev holds for numbers of ordinary size. */
export function encodeDevice(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0
}

/** The reverse: [major, minor]. */
export function decodeDevice(device: number): [major: number, minor: number] {
  return [(device >>> 8) & 0xfff, (device & 0xff) | ((device >>> 12) & 0xfff00)]
}

/** The answer to getattr. */
export function statInts(attr: Attr, ino: number): Uint32Array {
  const ints = new Uint32Array(STAT_INTS)
  ints[0] = attr.mode
  ints[1] = attr.uid
  ints[2] = attr.gid
  setPair(ints, 3, attr.size)
  ints[6] = attr.nlink
  ints[7] = ino
  ints[8] = encodeDevice(attr.rdevMajor, attr.rdevMinor)
  ints[9] = attr.blksize
  setPair(ints, 10, attr.blocks)
  setPair(ints, 12, milliseconds(attr.atime, attr.atimeNs))
  setPair(ints, 14, milliseconds(attr.mtime, attr.mtimeNs))
  setPair(ints, 16, milliseconds(attr.ctime, attr.ctimeNs))
  return ints
}

/** What a directory entry tells: its type (DT_*) and number. */
export function entryInts(type: number, ino: number): Uint32Array {
  const ints = new Uint32Array(STAT_INTS)
  ints[0] = type << 12
  ints[7] = ino
  return ints
}

/** The answer to statfs: blocks are told in units large enough for the largest count to fit. */
export function statfsInts(fsstat: FsStat): Uint32Array {
  let unit = 1
  while (fsstat.blocks / unit >= UINT32) unit *= 2
  const { bsize, frsize, blocks, bfree, bavail, files, ffree, namelen } = fsstat
  const count = (value: number) => Math.min(Math.floor(value), UINT32 - 1)
  const scaled = [bsize * unit, frsize * unit, blocks / unit, bfree / unit, bavail / unit].map(count)
  return Uint32Array.from([...scaled, count(files), count(ffree), count(ffree), 0, 0, namelen])
}

/**
 * Inode numbers in 32 bits. Those that fit stay what they are. The others (the merged number has its filesystem's place
 * in the stack above bit 48) are folded into the upper half of the range: the same number again after a remount, unless
 * two fold to one, when the later gets the next free one.
 */
export class ShortNumbers {
  readonly #long = new Map<number, number>()
  readonly #taken = new Set<number>()

  of(ino: number): number {
    if (ino < UINT32) return ino
    const known = this.#long.get(ino)
    if (known !== undefined) return known
    const high = Math.floor(ino / UINT32)
    let short = HALF + ((ino ^ Math.imul(high, 0x9e37_79b1)) & (HALF - 1))
    while (this.#taken.has(short)) short = short === UINT32 - 1 ? HALF : short + 1
    this.#taken.add(short)
    this.#long.set(ino, short)
    return short
  }
}
