/**
 * Encoders for replies' bodies, each written in place at an offset after the 16-byte header; they return the body's
 * size. The struct is the comment. Every byte is written, padding and unused fields as zero, because the buffer is
 * reused.
 */
import { StatxMask } from './flags.js'
import type { InitAnswer } from './init.js'
import type { ReplyBuffer } from './reply-buffer.js'

/**
 * A file's attributes, as fuse_attr and fuse_statx carry them. Times in seconds and nanoseconds, `blocks` in 512 bytes.
 */
export interface AttrFields {
  readonly ino: number
  readonly mode: number
  readonly nlink: number
  readonly uid: number
  readonly gid: number
  readonly rdevMajor: number
  readonly rdevMinor: number
  readonly size: number
  /** The low 32 bits of `size`, which count where it is 2^53 or more. */
  readonly sizeLow: number
  readonly blocks: number
  readonly blksize: number
  readonly atime: number
  readonly atimeNs: number
  readonly mtime: number
  readonly mtimeNs: number
  readonly ctime: number
  readonly ctimeNs: number
  readonly btime: number
  readonly btimeNs: number
}

/** How long the kernel may believe an answer: whole seconds and nanoseconds. */
export interface Validity {
  readonly seconds: number
  readonly nanoseconds: number
}

/**
 * A timeout in seconds, fractions allowed, as the protocol writes it; endless and huge ones become 2^53 - 1 seconds.
 */
export function validity(timeout: number): Validity {
  if (!(timeout > 0)) return { seconds: 0, nanoseconds: 0 }
  const seconds = Math.min(Math.floor(timeout), Number.MAX_SAFE_INTEGER)
  const nanoseconds = Number.isFinite(timeout) ? Math.floor((timeout - Math.floor(timeout)) * 1e9) : 0
  return { seconds, nanoseconds: Math.min(nanoseconds, 999_999_999) }
}

/** new_encode_dev(): minor's low 8 bits, major's 12, minor's rest. */
export function encodeDevice(major: number, minor: number): number {
  return ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12)) >>> 0
}

/** new_decode_dev()'s major. */
export function deviceMajor(device: number): number {
  return (device & 0xfff00) >>> 8
}

/** new_decode_dev()'s minor. */
export function deviceMinor(device: number): number {
  return (device & 0xff) | ((device >>> 12) & 0xfff00)
}

export const ATTR_SIZE = 88

/**
 * fuse_attr: u64 ino @0 · u64 size @8 · u64 blocks @16 · s64 atime @24 · s64 mtime @32 · s64 ctime @40 ·
 * u32 atimensec @48 · u32 mtimensec @52 · u32 ctimensec @56 · u32 mode @60 · u32 nlink @64 · u32 uid @68 ·
 * u32 gid @72 · u32 rdev @76 · u32 blksize @80 · u32 flags @84
 */
function attributes(reply: ReplyBuffer, at: number, attr: AttrFields): void {
  reply.setU64(at, attr.ino)
  reply.setRoundedU64(at + 8, attr.size, attr.sizeLow)
  reply.setU64(at + 16, attr.blocks)
  reply.setU64(at + 24, attr.atime)
  reply.setU64(at + 32, attr.mtime)
  reply.setU64(at + 40, attr.ctime)
  reply.setU32(at + 48, attr.atimeNs)
  reply.setU32(at + 52, attr.mtimeNs)
  reply.setU32(at + 56, attr.ctimeNs)
  reply.setU32(at + 60, attr.mode)
  reply.setU32(at + 64, attr.nlink)
  reply.setU32(at + 68, attr.uid)
  reply.setU32(at + 72, attr.gid)
  reply.setU32(at + 76, encodeDevice(attr.rdevMajor, attr.rdevMinor))
  reply.setU32(at + 80, attr.blksize)
  reply.setU32(at + 84, 0)
}

export const ATTR_OUT_SIZE = 104

/** fuse_attr_out: u64 attr_valid @0 · u32 attr_valid_nsec @8 · u32 dummy @12 · fuse_attr @16 */
export function attrOut(reply: ReplyBuffer, at: number, attr: AttrFields, valid: Validity): number {
  reply.setU64(at, valid.seconds)
  reply.setU32(at + 8, valid.nanoseconds)
  reply.setU32(at + 12, 0)
  attributes(reply, at + 16, attr)
  return ATTR_OUT_SIZE
}

export const ENTRY_OUT_SIZE = 128

/**
 * fuse_entry_out: u64 nodeid @0 · u64 generation @8 · u64 entry_valid @16 · u64 attr_valid @24 ·
 * u32 entry_valid_nsec @32 · u32 attr_valid_nsec @36 · fuse_attr @40
 */
export function entryOut(
  reply: ReplyBuffer,
  at: number,
  nodeid: number,
  attr: AttrFields,
  entryValid: Validity,
  attrValid: Validity,
): number {
  reply.setU64(at, nodeid)
  reply.setU64(at + 8, 0)
  reply.setU64(at + 16, entryValid.seconds)
  reply.setU64(at + 24, attrValid.seconds)
  reply.setU32(at + 32, entryValid.nanoseconds)
  reply.setU32(at + 36, attrValid.nanoseconds)
  attributes(reply, at + 40, attr)
  return ENTRY_OUT_SIZE
}

/** fuse_entry_out with nodeid 0: "no such name", which the kernel may remember for `valid`. */
export function negativeEntryOut(reply: ReplyBuffer, at: number, valid: Validity): number {
  reply.words.fill(0, (16 + at) >>> 2, (16 + at + ENTRY_OUT_SIZE) >>> 2)
  reply.setU64(at + 16, valid.seconds)
  reply.setU32(at + 32, valid.nanoseconds)
  return ENTRY_OUT_SIZE
}

export const OPEN_OUT_SIZE = 16

/** fuse_open_out: u64 fh @0 · u32 open_flags @8 · s32 backing_id @12 */
export function openOut(reply: ReplyBuffer, at: number, fh: number, flags: number, backing = 0): number {
  reply.setU64(at, fh)
  reply.setU32(at + 8, flags)
  reply.setU32(at + 12, backing)
  return OPEN_OUT_SIZE
}

export const STATX_OUT_SIZE = 288

/**
 * fuse_statx_out: u64 attr_valid @0 · u32 attr_valid_nsec @8 · u32 flags @12 · u64 spare[2] @16 · fuse_statx @32:
 * u32 mask @0 · u32 blksize @4 · u64 attributes @8 · u32 nlink @16 · u32 uid @20 · u32 gid @24 · u16 mode @28 ·
 * u16 spare @30 · u64 ino @32 · u64 size @40 · u64 blocks @48 · u64 attributes_mask @56 · fuse_sx_time atime @64 ·
 * btime @80 · ctime @96 · mtime @112 · u32 rdev_major @128 · u32 rdev_minor @132 · u32 dev_major @136 ·
 * u32 dev_minor @140 · u64 spare2[14] @144. A birth time of 0 means that the filesystem beneath tells none.
 */
export function statxOut(reply: ReplyBuffer, at: number, attr: AttrFields, valid: Validity): number {
  reply.words.fill(0, (16 + at) >>> 2, (16 + at + STATX_OUT_SIZE) >>> 2)
  reply.setU64(at, valid.seconds)
  reply.setU32(at + 8, valid.nanoseconds)
  const born = attr.btime !== 0 || attr.btimeNs !== 0
  const sx = at + 32
  reply.setU32(sx, born ? StatxMask.BASIC_STATS | StatxMask.BTIME : StatxMask.BASIC_STATS)
  reply.setU32(sx + 4, attr.blksize)
  reply.setU32(sx + 16, attr.nlink)
  reply.setU32(sx + 20, attr.uid)
  reply.setU32(sx + 24, attr.gid)
  reply.setU32(sx + 28, attr.mode & 0xffff)
  reply.setU64(sx + 32, attr.ino)
  reply.setRoundedU64(sx + 40, attr.size, attr.sizeLow)
  reply.setU64(sx + 48, attr.blocks)
  sxTime(reply, sx + 64, attr.atime, attr.atimeNs)
  sxTime(reply, sx + 80, attr.btime, attr.btimeNs)
  sxTime(reply, sx + 96, attr.ctime, attr.ctimeNs)
  sxTime(reply, sx + 112, attr.mtime, attr.mtimeNs)
  reply.setU32(sx + 128, attr.rdevMajor)
  reply.setU32(sx + 132, attr.rdevMinor)
  return STATX_OUT_SIZE
}

/** fuse_sx_time: s64 tv_sec @0 · u32 tv_nsec @8 · s32 reserved @12 */
function sxTime(reply: ReplyBuffer, at: number, seconds: number, nanoseconds: number): void {
  reply.setU64(at, seconds)
  reply.setU32(at + 8, nanoseconds)
}

/** What statfs(2) tells, as fuse_kstatfs carries it. */
export interface StatfsFields {
  readonly bsize: number
  readonly frsize: number
  readonly blocks: number
  readonly bfree: number
  readonly bavail: number
  readonly files: number
  readonly ffree: number
  readonly namelen: number
}

/**
 * fuse_statfs_out, a fuse_kstatfs: u64 blocks @0 · u64 bfree @8 · u64 bavail @16 · u64 files @24 · u64 ffree @32 ·
 * u32 bsize @40 · u32 namelen @44 · u32 frsize @48 · u32 padding @52 · u32 spare[6] @56
 */
export function statfsOut(reply: ReplyBuffer, at: number, stat: StatfsFields): number {
  reply.words.fill(0, (16 + at) >>> 2, (16 + at + 80) >>> 2)
  reply.setU64(at, stat.blocks)
  reply.setU64(at + 8, stat.bfree)
  reply.setU64(at + 16, stat.bavail)
  reply.setU64(at + 24, stat.files)
  reply.setU64(at + 32, stat.ffree)
  reply.setU32(at + 40, stat.bsize)
  reply.setU32(at + 44, stat.namelen)
  reply.setU32(at + 48, stat.frsize)
  return 80
}

/** fuse_write_out: u32 size @0 · u32 padding @4. fuse_getxattr_out has the same shape. */
export function sizeOut(reply: ReplyBuffer, at: number, size: number): number {
  reply.setU32(at, size)
  reply.setU32(at + 4, 0)
  return 8
}

/** fuse_lseek_out: u64 offset @0. fuse_copy_file_range_out has the same shape. */
export function offsetOut(reply: ReplyBuffer, at: number, offset: number): number {
  reply.setU64(at, offset)
  return 8
}

/** fuse_ioctl_out: s32 result @0 · u32 flags @4 · u32 in_iovs @8 · u32 out_iovs @12 · then the ioctl's own answer */
export function ioctlOut(reply: ReplyBuffer, at: number, result: number): number {
  reply.setU32(at, result)
  reply.setU32(at + 4, 0)
  reply.setU32(at + 8, 0)
  reply.setU32(at + 12, 0)
  return 16
}

/**
 * fuse_init_out: u32 major @0 · u32 minor @4 · u32 max_readahead @8 · u32 flags @12 · u16 max_background @16 ·
 * u16 congestion_threshold @18 · u32 max_write @20 · u32 time_gran @24 · u16 max_pages @28 · u16 map_alignment @30 ·
 * u32 flags2 @32 · u32 max_stack_depth @36 · u16 request_timeout @40 · u16 unused[11] @42
 */
export function initOut(reply: ReplyBuffer, at: number, answer: InitAnswer): number {
  reply.words.fill(0, (16 + at) >>> 2, (16 + at + 64) >>> 2)
  reply.setU32(at, answer.major)
  reply.setU32(at + 4, answer.minor)
  reply.setU32(at + 8, answer.maxReadahead)
  reply.setU32(at + 12, answer.flags)
  reply.setU32(at + 16, answer.maxBackground | (answer.congestionThreshold << 16))
  reply.setU32(at + 20, answer.maxWrite)
  reply.setU32(at + 24, answer.timeGran)
  reply.setU32(at + 28, answer.maxPages)
  reply.setU32(at + 32, answer.flags2)
  reply.setU32(at + 36, answer.maxStackDepth)
  return 64
}
