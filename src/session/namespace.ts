/**
 * Requests that look up, make, move and remove names. Each hands its decoded arguments on. The little that is decided
 * here is the protocol's: device numbers, which ids the caller has, which rename flags exist.
 */
import { Errno } from '../base/errno.js'
import { RenameFlag } from '../protocol/flags.js'
import { OUT_HEADER } from '../protocol/opcodes.js'
import { deviceMajor, deviceMinor } from '../protocol/replies.js'
import type * as requests from '../protocol/requests.js'
import type * as data from '../protocol/requests-data.js'
import type { Context } from './context.js'

export function lookup({ operations, nodeid }: Context, args: { name: string }): number {
  return operations.lookup(nodeid, args.name)
}

export function forget({ operations, nodeid }: Context, args: { nlookup: number }): number {
  operations.forget(nodeid, args.nlookup)
  return 0
}

/** fuse_forget_one: u64 nodeid @0 · u64 nlookup @8 */
export function batchForget({ operations, request }: Context, args: { count: number }): number {
  for (let i = 0; i < args.count; i++) operations.forget(request.u64(8 + i * 16), request.u64(16 + i * 16))
  return 0
}

/** The target goes into the reply's body as it is, without NUL. */
export function readlink({ operations, nodeid, reply }: Context): number {
  const target = operations.readlink(nodeid)
  if (typeof target === 'number') return target
  if (target.length > reply.room) return -Errno.EIO
  return reply.bytes.write(target, OUT_HEADER, 'latin1')
}

export function symlink(context: Context, args: typeof requests.symlink.args): number {
  return made(context.operations.symlink(context.callerWith(0), context.nodeid, args.name, args.target))
}

export function mknod(context: Context, args: typeof requests.mknod.args): number {
  const { operations, nodeid } = context
  const major = deviceMajor(args.rdev)
  const minor = deviceMinor(args.rdev)
  return made(operations.mknod(context.callerWith(args.umask), nodeid, args.name, args.mode, major, minor))
}

export function mkdir(context: Context, args: typeof requests.mkdir.args): number {
  return made(context.operations.mkdir(context.callerWith(args.umask), context.nodeid, args.name, args.mode))
}

export function link({ operations, nodeid }: Context, args: typeof requests.link.args): number {
  return made(operations.link(args.oldnodeid, nodeid, args.name))
}

export function create(context: Context, args: typeof data.create.args): number {
  const { operations, nodeid } = context
  return made(operations.create(context.callerWith(args.umask), nodeid, args.name, args.mode, args.flags))
}

export function tmpfile(context: Context, args: typeof data.tmpfile.args): number {
  return made(context.operations.tmpfile(context.callerWith(args.umask), context.nodeid, args.mode, args.flags))
}

/** What was made has a nodeid: 0 would tell the kernel that it is absent. */
function made(nodeid: number): number {
  return nodeid === 0 ? -Errno.EIO : nodeid
}

export function unlink({ operations, nodeid }: Context, args: { name: string }): number {
  return operations.unlink(nodeid, args.name)
}

export function rmdir({ operations, nodeid }: Context, args: { name: string }): number {
  return operations.rmdir(nodeid, args.name)
}

const RENAME_FLAGS = RenameFlag.NOREPLACE | RenameFlag.EXCHANGE | RenameFlag.WHITEOUT

export function rename({ operations, nodeid }: Context, args: typeof requests.rename2.args): number {
  if (args.flags & ~RENAME_FLAGS) return -Errno.EINVAL
  return operations.rename(nodeid, args.oldName, args.newdir, args.newName, args.flags)
}
