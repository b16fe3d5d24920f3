/**
 * What a row keeps of its owner's stat record, and the way back. With `index=immutable` a lookup is answered with the
 * record made from a row. So it must be, number for number, what statx(2) gave when the directory was read. Numbers
 * that mostly follow from others are NULL where they do (docs/index.md says from which). What a row cannot say is
 * marked EntryFlag.PARTIAL, and the file itself is looked at.
 */

import type { Layer } from '../../layers/layer-dir.js'
import { STAT_SLOTS, Stat } from '../../syscalls/stat.js'
import { NOT_WHOLE } from './entry-flags.js'
import { inodeOf } from './stamps.js'

/** A value as SQLite has it. */
type Value = number | null

/** A row of `entries` as a view selects it: VIEW_COLUMNS, and with `index=immutable` STAT_COLUMNS behind them. */
export type RawRow = [Buffer, number, Buffer | null, number, number, number, number, number, ...Value[]]

/** What it takes to find a name's owner and to hold the row against the disk. */
export const VIEW_COLUMNS = 'name, layer, layers, flags, mode, ino, ctime, ctime_ns'

/** What it takes beyond that to answer without a look. */
export const STAT_COLUMNS =
  'size, uid, gid, links, mtime, mtime_ns, atime, atime_ns, btime, btime_ns, blocks, blksize, rdev, hash'

/** Where those begin in a RawRow, and what stands before them. */
const FIRST = 8
const FLAGS = 3
const MODE = 4
const INO = 5
const CTIME = 6
const CTIME_NS = 7

const HASH = 13

const LOW_UNIT = 2 ** 32
const MINOR_UNIT = 2 ** 20
/** The preferred block of nearly every filesystem. */
const BLOCK = 4096
const BLOCK_SECTORS = 8

/** The blocks of 512 bytes that a file without holes and extras occupies. */
function blocksOf(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK_SECTORS
}

/** The columns from `atime` on, of the stat record at `at`. */
export function derivedColumns(stats: Float64Array, at: number): Value[] {
  const unless = (slot: number, expected: number): Value => (stats[at + slot] === expected ? null : stats[at + slot]!)
  return [
    unless(Stat.ATIME, stats[at + Stat.MTIME]!),
    unless(Stat.ATIME_NS, stats[at + Stat.MTIME_NS]!),
    unless(Stat.BTIME, stats[at + Stat.CTIME]!),
    unless(Stat.BTIME_NS, stats[at + Stat.CTIME_NS]!),
    unless(Stat.BLOCKS, blocksOf(stats[at + Stat.SIZE]!)),
    unless(Stat.BLKSIZE, BLOCK),
    stats[at + Stat.RDEV_MAJOR]! * MINOR_UNIT + stats[at + Stat.RDEV_MINOR]!,
  ]
}

/**
 * Whether a row can say all of the stat record at `at`: of a file on the filesystem of its layer's root, with owners as
 * they are on the disk, and with numbers that fit.
 */
export function isWhole(stats: Float64Array, at: number, layer: Layer): boolean {
  if (layer.isMapped) return false
  if (stats[at + Stat.DEV_MAJOR] !== layer.deviceMajor || stats[at + Stat.DEV_MINOR] !== layer.deviceMinor) return false
  const { RDEV_MAJOR, RDEV_MINOR, SIZE } = Stat
  const fits = stats[at + RDEV_MINOR]! < MINOR_UNIT && stats[at + RDEV_MAJOR]! < LOW_UNIT / MINOR_UNIT
  return fits && Number.isSafeInteger(inodeOf(stats, at)) && Number.isSafeInteger(stats[at + SIZE]!)
}

/** Makes a stat record of `row`, at the start of `into`: all but the device, the mount and the file's flags. */
export function setRecord(into: Float64Array, row: RawRow): void {
  const value = (column: number): Value => row[FIRST + column] as Value
  const number = (column: number): number => value(column) as number
  const ino = row[INO]
  into[Stat.MODE] = row[MODE]
  into[Stat.INO_LOW] = ino % LOW_UNIT
  into[Stat.INO_HIGH] = Math.floor(ino / LOW_UNIT)
  into[Stat.CTIME] = row[CTIME]
  into[Stat.CTIME_NS] = row[CTIME_NS]
  into[Stat.SIZE] = number(0)
  into[Stat.UID] = number(1)
  into[Stat.GID] = number(2)
  into[Stat.NLINK] = number(3)
  into[Stat.MTIME] = number(4)
  into[Stat.MTIME_NS] = number(5)
  into[Stat.ATIME] = value(6) ?? number(4)
  into[Stat.ATIME_NS] = value(7) ?? number(5)
  into[Stat.BTIME] = value(8) ?? row[CTIME]
  into[Stat.BTIME_NS] = value(9) ?? row[CTIME_NS]
  into[Stat.BLOCKS] = value(10) ?? blocksOf(number(0))
  into[Stat.BLKSIZE] = value(11) ?? BLOCK
  into[Stat.RDEV_MAJOR] = Math.floor(number(12) / MINOR_UNIT)
  into[Stat.RDEV_MINOR] = number(12) % MINOR_UNIT
}

/** The slots that a row tells. */
const TOLD = Array.from({ length: Stat.BTIME_NS + 1 }, (_, slot) => slot).filter(
  (slot) => slot !== Stat.DEV_MAJOR && slot !== Stat.DEV_MINOR,
)

/**
 * By what a row is known to be intact when it is read alone: over its share of the directory's sum (its name, its
 * owner) and, where it is whole, its record at `at`.
 */
export function rowHash(share: number, flags: number, stats: Float64Array, at: number): number {
  if ((flags & NOT_WHOLE) !== 0) return share
  let hash = share
  // Counted: in a fresh process nothing is compiled yet, and each row comes through here.
  for (let i = 0; i < TOLD.length; i++) {
    const value = stats[at + TOLD[i]!]!
    hash = Math.imul(hash ^ value, 0x01000193)
    if (value >= LOW_UNIT || value < 0) hash = Math.imul(hash ^ Math.floor(value / LOW_UNIT), 0x01000193)
  }
  return hash >>> 0
}

/** Whether `row`, of which `record` was made, is as it was written. */
export function isIntact(row: RawRow, share: number, record: Float64Array): boolean {
  return row[FIRST + HASH] === rowHash(share, row[FLAGS], record, 0)
}

/** Slots whose numbers need more than 32 bits, and those that never do. */
const WIDE = [Stat.SIZE, Stat.BLOCKS, Stat.ATIME, Stat.MTIME, Stat.CTIME, Stat.BTIME] as const
const NARROW = TOLD.filter((slot) => !(WIDE as readonly number[]).includes(slot))

const WIDE_BYTES = WIDE.length * Float64Array.BYTES_PER_ELEMENT
const NARROW_BYTES = NARROW.length * Uint32Array.BYTES_PER_ELEMENT

/** Stat records of many rows, in memory. */
export class Records {
  readonly #wide: Float64Array
  readonly #narrow: Uint32Array

  /** The bytes that so many records take. */
  static bytesFor(count: number): number {
    return count * (WIDE_BYTES + NARROW_BYTES)
  }

  /** They lie in `memory` from `at` on, a multiple of 8. */
  constructor(count: number, memory: ArrayBuffer, at: number) {
    this.#wide = new Float64Array(memory, at, count * WIDE.length)
    this.#narrow = new Uint32Array(memory, at + count * WIDE_BYTES, count * NARROW.length)
  }

  /** Keeps `record` as number `i`. */
  keep(i: number, record: Float64Array): void {
    let at = i * WIDE.length
    for (let k = 0; k < WIDE.length; k++) this.#wide[at++] = record[WIDE[k]!]!
    at = i * NARROW.length
    for (let k = 0; k < NARROW.length; k++) this.#narrow[at++] = record[NARROW[k]!]!
  }

  /** Record number `i` into `into`, whose other slots are as they were. */
  copy(i: number, into: Float64Array): void {
    let at = i * WIDE.length
    for (let k = 0; k < WIDE.length; k++) into[WIDE[k]!] = this.#wide[at++]!
    at = i * NARROW.length
    for (let k = 0; k < NARROW.length; k++) into[NARROW[k]!] = this.#narrow[at++]!
  }
}

/** An empty record. */
export function emptyRecord(): Float64Array {
  return new Float64Array(STAT_SLOTS)
}
