/**
 * Requests about file contents. A READ's and a WRITE's bytes go through the transport's port, which reads into the
 * reply after its header and writes from the request: no bytes pass through here. A file handle is only handed back at
 * RELEASE. Every other request is served by its nodeid, so that a kernel that never sent an OPEN is served as well.
 */
import { Errno } from '../base/errno.js'
import { OpenFlag, Whence, WriteFlag } from '../protocol/flags.js'
import type * as requests from '../protocol/requests-data.js'
import type { Context } from './context.js'

export function open({ operations, nodeid, request }: Context, args: typeof requests.open.args): number {
  const done = operations.open(nodeid, args.flags)
  if (done < 0 || !args.killSuidGid || !(args.flags & OpenFlag.O_TRUNC)) return done
  const { fh, flags } = operations.opened
  const writer = { gid: request.gid, pid: request.pid }
  const killed = operations.setattr(nodeid, { killSuidGid: true, writer })
  if (killed < 0) {
    operations.release(nodeid, fh)
    return killed
  }
  operations.opened.fh = fh
  operations.opened.flags = flags
  return done
}

export function release({ operations, nodeid }: Context, args: { fh: number }): number {
  return operations.release(nodeid, args.fh)
}

/** A short answer means the end of the file, so what does not fit is refused and not cut. */
export function read({ operations, nodeid, port, reply }: Context, args: typeof requests.read.args): number {
  if (args.size > reply.room) return -Errno.EINVAL
  const bytes = operations.read(nodeid, args.size, args.offset, port)
  return bytes > args.size ? -Errno.EIO : bytes
}

export function write({ operations, nodeid, port }: Context, args: typeof requests.write.args): number {
  const killSuid = (args.flags & WriteFlag.KILL_SUIDGID) !== 0
  // A page of the cache that is handed over late: nobody looks at how much of it was taken.
  const whole = (args.flags & WriteFlag.CACHE) !== 0
  const bytes = operations.write(nodeid, args.size, args.offset, killSuid, port, whole)
  return bytes > args.size ? -Errno.EIO : bytes
}

export function fsync({ operations, nodeid }: Context, args: typeof requests.fsync.args): number {
  return operations.fsync(nodeid, args.datasync !== 0)
}

export function fallocate({ operations, nodeid }: Context, args: typeof requests.fallocate.args): number {
  return operations.fallocate(nodeid, args.mode, args.offset, args.length)
}

export function lseek({ operations, nodeid }: Context, args: typeof requests.lseek.args): number {
  if (args.whence !== Whence.SEEK_DATA && args.whence !== Whence.SEEK_HOLE) return -Errno.EINVAL
  return operations.lseek(nodeid, args.offset, args.whence)
}

/** Pages below 4 GiB: what fuse_write_out's 32 bits can report (the kernel bounds older requests the same way). */
const MOST_REPORTED = 0xffff_f000

export function copyFileRange(context: Context, args: typeof requests.copyFileRange.args): number {
  return copy(context, args, Math.min(args.length, MOST_REPORTED))
}

export function copyFileRange64(context: Context, args: typeof requests.copyFileRange.args): number {
  return copy(context, args, args.length)
}

function copy(context: Context, args: typeof requests.copyFileRange.args, length: number): number {
  const { operations, nodeid } = context
  return operations.copyFileRange(nodeid, args.offsetIn, args.nodeOut, args.offsetOut, length)
}
