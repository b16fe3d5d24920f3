/**
 * Decoders for requests about names and attributes; requests-data.ts has those about open files and their contents. One
 * per message, its C struct as the comment with offsets after the 40-byte header. A decoder checks that the whole
 * struct is there before it reads, fills its one arguments object (reused: it holds until the next request of that
 * kind), and returns 0 or -errno. Bytes behind what it needs are left alone: kernels append extensions. How long a name
 * may be is the layers' business.
 */
import { Errno } from '../base/errno.js'
import { RenameFlag, SETXATTR_ACL_KILL_SGID, SetattrFlag, XattrFlag } from './flags.js'
import { type Format, flagNames, octal } from './print.js'
import type { RequestBuffer } from './request-buffer.js'

/** One message's decoder, with the arguments it fills and how the trace shows them. */
export interface Decoder<A extends object> {
  readonly args: A
  /** 0, or -errno: the request is to be answered with it. */
  read(request: RequestBuffer, args: A): number
  readonly formats: Readonly<Record<string, Format>>
}

/** Builds a decoder. */
export function decoder<A extends object>(
  args: A,
  read: (request: RequestBuffer, args: A) => number,
  formats: Partial<Record<keyof A & string, Format>> = {},
): Decoder<A> {
  return { args, read, formats: formats as Record<string, Format> }
}

/** A request that contradicts itself or ends too early. */
export const MALFORMED = -Errno.EINVAL

/** No arguments, or none that matter here: GETATTR's flags and fh, OPENDIR's flags (the nodeid tells all). */
export const nothing = decoder({}, () => 0)

/** name\0 */
export const name = decoder({ name: '' }, (request, args) => {
  args.name = request.name(0)
  return args.name === '' ? MALFORMED : 0
})

/** fuse_statx_in: u32 getattr_flags @0 · u32 reserved @4 · u64 fh @8 · u32 sx_flags @16 · u32 sx_mask @20 */
export const statx = decoder({ flags: 0, mask: 0 }, (request, args) => {
  if (!request.has(24)) return MALFORMED
  args.flags = request.u32(16)
  args.mask = request.u32(20)
  return 0
})

/**
 * fuse_setattr_in: u32 valid @0 · u32 padding @4 · u64 fh @8 · u64 size @16 · u64 lock_owner @24 · s64 atime @32 ·
 * s64 mtime @40 · s64 ctime @48 · u32 atimensec @56 · u32 mtimensec @60 · u32 ctimensec @64 · u32 mode @68 ·
 * u32 unused4 @72 · u32 uid @76 · u32 gid @80 · u32 unused5 @84
 */
export const setattr = decoder(
  { valid: 0, mode: 0, uid: 0, gid: 0, size: 0, atime: 0, atimeNs: 0, mtime: 0, mtimeNs: 0 },
  (request, args) => {
    if (!request.has(88)) return MALFORMED
    args.valid = request.u32(0)
    args.mode = request.u32(68)
    args.uid = request.u32(76)
    args.gid = request.u32(80)
    args.size = request.u64(16)
    args.atime = request.s64(32)
    args.atimeNs = request.u32(56)
    args.mtime = request.s64(40)
    args.mtimeNs = request.u32(60)
    return args.valid & SetattrFlag.SIZE && !Number.isSafeInteger(args.size) ? -Errno.EFBIG : 0
  },
  { valid: flagNames(SetattrFlag), mode: octal },
)

/** fuse_forget_in: u64 nlookup @0 */
export const forget = decoder({ nlookup: 0 }, (request, args) => {
  if (!request.has(8)) return MALFORMED
  args.nlookup = request.u64(0)
  return 0
})

/**
 * fuse_batch_forget_in: u32 count @0 · u32 dummy @4 · then `count` times fuse_forget_one: u64 nodeid @0 ·
 * u64 nlookup @8
 */
export const batchForget = decoder({ count: 0 }, (request, args) => {
  if (!request.has(8)) return MALFORMED
  args.count = request.u32(0)
  return request.has(8 + args.count * 16) ? 0 : MALFORMED
})

/** name\0 target\0 */
export const symlink = decoder({ name: '', target: '' }, (request, args) => {
  args.name = request.name(0)
  if (args.name === '') return MALFORMED
  args.target = request.text(request.after)
  return args.target === '' ? MALFORMED : 0
})

/** fuse_mknod_in: u32 mode @0 · u32 rdev @4 · u32 umask @8 · u32 padding @12 · then name\0 */
export const mknod = decoder(
  { mode: 0, rdev: 0, umask: 0, name: '' },
  (request, args) => {
    if (!request.has(16)) return MALFORMED
    args.mode = request.u32(0)
    args.rdev = request.u32(4)
    args.umask = request.u32(8) & 0o777
    args.name = request.name(16)
    return args.name === '' ? MALFORMED : 0
  },
  { mode: octal, umask: octal },
)

/** fuse_mkdir_in: u32 mode @0 · u32 umask @4 · then name\0 */
export const mkdir = decoder(
  { mode: 0, umask: 0, name: '' },
  (request, args) => {
    if (!request.has(8)) return MALFORMED
    args.mode = request.u32(0)
    args.umask = request.u32(4) & 0o777
    args.name = request.name(8)
    return args.name === '' ? MALFORMED : 0
  },
  { mode: octal, umask: octal },
)

/** fuse_link_in: u64 oldnodeid @0 · then newname\0; the header's nodeid is the new parent. */
export const link = decoder({ oldnodeid: 0, name: '' }, (request, args) => {
  if (!request.has(8)) return MALFORMED
  args.oldnodeid = request.u64(0)
  args.name = request.name(8)
  return args.name === '' ? MALFORMED : 0
})

interface RenameArgs {
  newdir: number
  flags: number
  oldName: string
  newName: string
}

function renameNames(request: RequestBuffer, args: RenameArgs, at: number): number {
  args.oldName = request.name(at)
  if (args.oldName === '') return MALFORMED
  args.newName = request.name(request.after)
  return args.newName === '' ? MALFORMED : 0
}

/** fuse_rename_in: u64 newdir @0 · then oldname\0 newname\0 */
export const rename = decoder({ newdir: 0, flags: 0, oldName: '', newName: '' }, (request, args) => {
  if (!request.has(8)) return MALFORMED
  args.newdir = request.u64(0)
  return renameNames(request, args, 8)
})

/** fuse_rename2_in: u64 newdir @0 · u32 flags @8 · u32 padding @12 · then oldname\0 newname\0 */
export const rename2 = decoder(
  { newdir: 0, flags: 0, oldName: '', newName: '' },
  (request, args) => {
    if (!request.has(16)) return MALFORMED
    args.newdir = request.u64(0)
    args.flags = request.u32(8)
    return renameNames(request, args, 16)
  },
  { flags: flagNames(RenameFlag) },
)

/** fuse_getxattr_in: u32 size @0 · u32 padding @4 · then name\0. `size` 0 asks how large the value is. */
export const getxattr = decoder({ size: 0, attribute: '' }, (request, args) => {
  if (!request.has(8)) return MALFORMED
  args.size = request.u32(0)
  args.attribute = request.text(8)
  return args.attribute === '' ? MALFORMED : 0
})

/** fuse_getxattr_in without a name. */
export const listxattr = decoder({ size: 0 }, (request, args) => {
  if (!request.has(8)) return MALFORMED
  args.size = request.u32(0)
  return 0
})

const NO_VALUE: Uint8Array = new Uint8Array(0)

/**
 * fuse_setxattr_in: u32 size @0 · u32 flags @4 · with FUSE_SETXATTR_EXT also u32 setxattr_flags @8 · u32 padding @12 ·
 * then name\0 and `size` bytes
 */
export const setxattr = decoder(
  { flags: 0, killSgid: 0, attribute: '', value: NO_VALUE },
  (request, args) => {
    const struct = request.extendedSetxattr ? 16 : 8
    if (!request.has(struct)) return MALFORMED
    const size = request.u32(0)
    args.flags = request.u32(4)
    args.killSgid = request.extendedSetxattr ? request.u32(8) & SETXATTR_ACL_KILL_SGID : 0
    args.attribute = request.text(struct)
    if (args.attribute === '' || !request.has(request.after + size)) return MALFORMED
    args.value = request.view(request.after, size)
    return 0
  },
  { flags: flagNames(XattrFlag) },
)

/** name\0 of an extended attribute. */
export const removexattr = decoder({ attribute: '' }, (request, args) => {
  args.attribute = request.text(0)
  return args.attribute === '' ? MALFORMED : 0
})
