/**
 * Node's stat objects as the addon's records. The fields have different names and the device numbers are packed; the
 * mount of a descriptor is read from /proc.
 */
import { type BigIntStats, readFileSync, statfsSync } from 'node:fs'
import { NAME_MAX, ST_NOSUID } from './constants.js'
import { FsStatSlot, Stat } from './stat.js'

const SECOND = 1_000_000_000n
const LOW = 0xffff_ffffn

/** As gnu_dev_major() and gnu_dev_minor(). */
const major = (device: bigint): number => Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xffff_f000n))
const minor = (device: bigint): number => Number((device & 0xffn) | ((device >> 12n) & 0xffff_ff00n))

/** Seconds and nanoseconds, also before 1970. */
function setTime(record: Float64Array, at: number, ns: bigint): void {
  const rest = ((ns % SECOND) + SECOND) % SECOND
  record[at] = Number((ns - rest) / SECOND)
  record[at + 1] = Number(rest)
}

/** Fills one record. */
export function fillStat(record: Float64Array, found: BigIntStats, mountId: number): void {
  record.fill(0)
  record[Stat.MODE] = Number(found.mode)
  record[Stat.NLINK] = Number(found.nlink)
  record[Stat.UID] = Number(found.uid)
  record[Stat.GID] = Number(found.gid)
  record[Stat.RDEV_MAJOR] = major(found.rdev)
  record[Stat.RDEV_MINOR] = minor(found.rdev)
  record[Stat.SIZE] = Number(found.size)
  record[Stat.BLOCKS] = Number(found.blocks)
  record[Stat.BLKSIZE] = Number(found.blksize)
  record[Stat.INO_LOW] = Number(found.ino & LOW)
  record[Stat.INO_HIGH] = Number(found.ino >> 32n)
  record[Stat.DEV_MAJOR] = major(found.dev)
  record[Stat.DEV_MINOR] = minor(found.dev)
  setTime(record, Stat.ATIME, found.atimeNs)
  setTime(record, Stat.MTIME, found.mtimeNs)
  setTime(record, Stat.CTIME, found.ctimeNs)
  setTime(record, Stat.BTIME, found.birthtimeNs)
  record[Stat.MOUNT_ID] = mountId
  record[Stat.SIZE_LOW] = Number(found.size & LOW)
}

/** The mount that an open file lies on; 0 where /proc does not say. */
export function mountIdOf(fd: number): number {
  return Number(/^mnt_id:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? 0)
}

/** Fills the filesystem's record. Throws as statfs(2) fails. */
export function fillFsstat(record: Float64Array, fd: number): void {
  const found = statfsSync(`/proc/self/fd/${fd}`)
  record.fill(0)
  record[FsStatSlot.BSIZE] = found.bsize
  record[FsStatSlot.FRSIZE] = found.bsize
  record[FsStatSlot.BLOCKS] = found.blocks
  record[FsStatSlot.BFREE] = found.bfree
  record[FsStatSlot.BAVAIL] = found.bavail
  record[FsStatSlot.FILES] = found.files
  record[FsStatSlot.FFREE] = found.ffree
  record[FsStatSlot.NAMELEN] = NAME_MAX
  record[FsStatSlot.TYPE] = found.type
  record[FsStatSlot.FLAGS] = isNosuid(mountIdOf(fd)) ? ST_NOSUID : 0
}

function isNosuid(mountId: number): boolean {
  const lines = readFileSync('/proc/self/mountinfo', 'latin1').split('\n')
  const options = lines.find((line) => line.startsWith(`${mountId} `))?.split(' ')[5]
  return options?.split(',').includes('nosuid') ?? false
}
