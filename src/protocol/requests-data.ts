/**
 * Decoders for requests about open files, their contents, directories and the connection itself, in the manner of
 * requests.ts. Offsets and lengths are u64 on the wire and numbers here. A number from 2^53 up is not exact, but it is
 * also larger than any file Linux stores: it is refused where it would be written to, and capped where it only bounds.
 */
import { Errno } from '../base/errno.js'
import { FallocateMode, FSYNC_FDATASYNC, InitFlag, InitFlag2, OPEN_KILL_SUIDGID, OpenFlag, WriteFlag } from './flags.js'
import { flagNames, hex, octal } from './print.js'
import { decoder, MALFORMED } from './requests.js'

/** fuse_open_in: u32 flags @0 · u32 open_flags @4 */
export const open = decoder(
  { flags: 0, killSuidGid: 0 },
  (request, args) => {
    if (!request.has(8)) return MALFORMED
    args.flags = request.u32(0)
    args.killSuidGid = request.u32(4) & OPEN_KILL_SUIDGID
    return 0
  },
  { flags: flagNames(OpenFlag) },
)

const createFormats = { flags: flagNames(OpenFlag), mode: octal, umask: octal }

/** fuse_create_in: u32 flags @0 · u32 mode @4 · u32 umask @8 · u32 open_flags @12 · then name\0 */
export const create = decoder(
  { flags: 0, mode: 0, umask: 0, name: '' },
  (request, args) => {
    if (!request.has(16)) return MALFORMED
    args.flags = request.u32(0)
    args.mode = request.u32(4)
    args.umask = request.u32(8) & 0o777
    args.name = request.name(16)
    return args.name === '' ? MALFORMED : 0
  },
  createFormats,
)

/** fuse_create_in, and a name that means nothing (the kernel sends "/"). */
export const tmpfile = decoder(
  { flags: 0, mode: 0, umask: 0 },
  (request, args) => {
    if (!request.has(16)) return MALFORMED
    args.flags = request.u32(0)
    args.mode = request.u32(4)
    args.umask = request.u32(8) & 0o777
    return 0
  },
  createFormats,
)

/** fuse_release_in: u64 fh @0 · u32 flags @8 · u32 release_flags @12 · u64 lock_owner @16 */
export const release = decoder(
  { fh: 0, flags: 0 },
  (request, args) => {
    if (!request.has(24)) return MALFORMED
    args.fh = request.u64(0)
    args.flags = request.u32(8)
    return 0
  },
  { flags: flagNames(OpenFlag) },
)

/**
 * fuse_read_in, of READ, READDIR and READDIRPLUS: u64 fh @0 · u64 offset @8 · u32 size @16 · u32 read_flags @20 ·
 * u64 lock_owner @24 · u32 flags @32 · u32 padding @36
 */
export const read = decoder({ fh: 0, offset: 0, size: 0 }, (request, args) => {
  if (!request.has(40)) return MALFORMED
  args.fh = request.u64(0)
  args.offset = request.u64(8)
  args.size = request.u32(16)
  return Number.isSafeInteger(args.offset) ? 0 : MALFORMED
})

/**
 * fuse_write_in: u64 fh @0 · u64 offset @8 · u32 size @16 · u32 write_flags @20 · u64 lock_owner @24 · u32 flags @32 ·
 * u32 padding @36 · then `size` bytes
 */
export const write = decoder(
  { fh: 0, offset: 0, size: 0, flags: 0 },
  (request, args) => {
    if (!request.has(40)) return MALFORMED
    args.fh = request.u64(0)
    args.offset = request.u64(8)
    args.size = request.u32(16)
    args.flags = request.u32(20)
    if (!request.has(WRITE_DATA + args.size)) return MALFORMED
    return Number.isSafeInteger(args.offset + args.size) ? 0 : -Errno.EFBIG
  },
  { flags: flagNames(WriteFlag) },
)

/** Where a WRITE's bytes begin, after the header. */
export const WRITE_DATA = 40

/** fuse_fsync_in: u64 fh @0 · u32 fsync_flags @8 · u32 padding @12 */
export const fsync = decoder({ fh: 0, datasync: 0 }, (request, args) => {
  if (!request.has(16)) return MALFORMED
  args.fh = request.u64(0)
  args.datasync = request.u32(8) & FSYNC_FDATASYNC
  return 0
})

/** fuse_fallocate_in: u64 fh @0 · u64 offset @8 · u64 length @16 · u32 mode @24 · u32 padding @28 */
export const fallocate = decoder(
  { fh: 0, offset: 0, length: 0, mode: 0 },
  (request, args) => {
    if (!request.has(32)) return MALFORMED
    args.fh = request.u64(0)
    args.offset = request.u64(8)
    args.length = request.u64(16)
    args.mode = request.u32(24)
    return Number.isSafeInteger(args.offset + args.length) ? 0 : -Errno.EFBIG
  },
  { mode: flagNames(FallocateMode) },
)

/** fuse_lseek_in: u64 fh @0 · u64 offset @8 · u32 whence @16 · u32 padding @20 */
export const lseek = decoder({ fh: 0, offset: 0, whence: 0 }, (request, args) => {
  if (!request.has(24)) return MALFORMED
  args.fh = request.u64(0)
  args.offset = request.u64(8)
  args.whence = request.u32(16)
  return Number.isSafeInteger(args.offset) ? 0 : -Errno.ENXIO
})

/**
 * fuse_copy_file_range_in: u64 fh_in @0 · u64 off_in @8 · u64 nodeid_out @16 · u64 fh_out @24 · u64 off_out @32 ·
 * u64 len @40 · u64 flags @48
 */
export const copyFileRange = decoder(
  { fhIn: 0, offsetIn: 0, nodeOut: 0, fhOut: 0, offsetOut: 0, length: 0 },
  (request, args) => {
    if (!request.has(56)) return MALFORMED
    args.fhIn = request.u64(0)
    args.offsetIn = request.u64(8)
    args.nodeOut = request.u64(16)
    args.fhOut = request.u64(24)
    args.offsetOut = request.u64(32)
    args.length = Math.min(request.u64(40), Number.MAX_SAFE_INTEGER)
    return Number.isSafeInteger(args.offsetIn) && Number.isSafeInteger(args.offsetOut) ? 0 : -Errno.EFBIG
  },
)

/**
 * fuse_ioctl_in: u64 fh @0 · u32 flags @8 · u32 cmd @12 · u64 arg @16 · u32 in_size @24 · u32 out_size @28 · then
 * `in_size` bytes
 */
export const ioctl = decoder(
  { fh: 0, flags: 0, command: 0, inSize: 0, outSize: 0, value: 0 },
  (request, args) => {
    if (!request.has(32)) return MALFORMED
    args.fh = request.u64(0)
    args.flags = request.u32(8)
    args.command = request.u32(12)
    args.inSize = request.u32(24)
    args.outSize = request.u32(28)
    if (!request.has(IOCTL_DATA + args.inSize)) return MALFORMED
    args.value = args.inSize >= 4 ? request.u32(IOCTL_DATA) : 0
    return 0
  },
  { flags: hex, command: hex, value: hex },
)

const IOCTL_DATA = 32

/** fuse_interrupt_in: u64 unique @0 */
export const interrupt = decoder({ unique: 0 }, (request, args) => {
  if (!request.has(8)) return MALFORMED
  args.unique = request.u64(0)
  return 0
})

/**
 * fuse_init_in: u32 major @0 · u32 minor @4 · u32 max_readahead @8 · u32 flags @12 · u32 flags2 @16 (with INIT_EXT) ·
 * u32 unused[11]
 */
export const init = decoder(
  { major: 0, minor: 0, maxReadahead: 0, flags: 0, flags2: 0 },
  (request, args) => {
    if (!request.has(16)) return MALFORMED
    args.major = request.u32(0)
    args.minor = request.u32(4)
    args.maxReadahead = request.u32(8)
    args.flags = request.u32(12)
    args.flags2 = args.flags & InitFlag.INIT_EXT && request.has(20) ? request.u32(16) : 0
    return 0
  },
  { flags: flagNames(InitFlag), flags2: flagNames(InitFlag2) },
)
