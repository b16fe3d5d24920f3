/**
 * IOCTL: the inode flags of chattr(1) and lsattr(1). The kernel makes FS_IOC_SETFLAGS out of three requests: FSGETXATTR
 * to learn what else is set, then GETFLAGS or SETFLAGS with 32 bits; older ones hand the program's command through with
 * its 8 bytes. Everything else is not for us: ENOTTY.
 */
import { Errno } from '../base/errno.js'
import { IoctlCommand } from '../protocol/flags.js'
import { ioctlOut } from '../protocol/replies.js'
import type * as requests from '../protocol/requests-data.js'
import type { Context } from './context.js'

type IoctlArgs = typeof requests.ioctl.args

const IOCTL_OUT_SIZE = 16

export function ioctl(context: Context, args: IoctlArgs): number {
  switch (args.command) {
    case IoctlCommand.GETFLAGS:
    case IoctlCommand.GETFLAGS_32:
      return getFlags(context, args)
    case IoctlCommand.SETFLAGS:
    case IoctlCommand.SETFLAGS_32:
      return setFlags(context, args)
    case IoctlCommand.FSGETXATTR:
      return getFsxattr(context, args)
    default:
      return -Errno.ENOTTY
  }
}

function getFlags(context: Context, args: IoctlArgs): number {
  if (args.outSize !== 4 && args.outSize !== 8) return -Errno.EINVAL
  const flags = context.operations.getFlags(context.nodeid)
  return flags < 0 ? flags : answer(context, flags, args.outSize)
}

function setFlags(context: Context, args: IoctlArgs): number {
  if (args.inSize < 4) return -Errno.EINVAL
  const done = context.operations.setFlags(context.nodeid, args.value)
  return done < 0 ? done : ioctlOut(context.reply, 0, 0)
}

/**
 * struct fsxattr: u32 xflags @0 · u32 extsize @4 · u32 nextents @8 · u32 projid @12 · u32 cowextsize @16 ·
 * u8 pad[8] @20
 */
const FSXATTR_SIZE = 28

function getFsxattr(context: Context, args: IoctlArgs): number {
  if (args.outSize !== FSXATTR_SIZE) return -Errno.EINVAL
  const flags = context.operations.getFlags(context.nodeid)
  return flags < 0 ? flags : answer(context, fsxFlags(flags), FSXATTR_SIZE)
}

/** The flags that both vocabularies have, FS_*_FL and FS_XFLAG_*: as fileattr_fill_flags(). */
const COMMON_FLAGS: ReadonlyArray<readonly [number, number]> = [
  [0x8, 0x20], // SYNC
  [0x10, 0x8], // IMMUTABLE
  [0x20, 0x10], // APPEND
  [0x40, 0x80], // NODUMP
  [0x80, 0x40], // NOATIME
  [0x2000000, 0x8000], // DAX
  [0x20000000, 0x200], // PROJINHERIT
]

/** FS_*_FL as FS_XFLAG_*; what has no counterpart is left out. */
function fsxFlags(flags: number): number {
  let result = 0
  for (const [flag, xflag] of COMMON_FLAGS) if (flags & flag) result |= xflag
  return result
}

/** fuse_ioctl_out, then `value` in `size` bytes, the rest of them zero. */
function answer({ reply }: Context, value: number, size: number): number {
  const at = ioctlOut(reply, 0, 0)
  reply.words.fill(0, (16 + at) >>> 2, (16 + at + size) >>> 2)
  reply.setU32(at, value)
  return IOCTL_OUT_SIZE + size
}
