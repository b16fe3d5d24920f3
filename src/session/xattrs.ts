/**
 * Requests about extended attributes. The kernel asks for a size first (`size` 0) or brings its own: the answer is then
 * the size alone, the bytes, or ERANGE.
 */
import { Errno } from '../base/errno.js'
import { OUT_HEADER } from '../protocol/opcodes.js'
import { sizeOut } from '../protocol/replies.js'
import type * as requests from '../protocol/requests.js'
import type { Context } from './context.js'

/** XATTR_SIZE_MAX and XATTR_LIST_MAX. */
const XATTR_MAX = 65536

export function getxattr(context: Context, args: typeof requests.getxattr.args): number {
  const value = context.operations.getxattr(context.nodeid, args.attribute)
  if (typeof value === 'number') return value < 0 ? value : -Errno.EIO
  const sized = fitting(context, value.length, args.size)
  if (sized !== 0) return sized
  context.reply.bytes.set(value, OUT_HEADER)
  return value.length
}

/** Names, each ended by a NUL. */
export function listxattr(context: Context, args: typeof requests.listxattr.args): number {
  const names = context.operations.listxattr(context.nodeid, context.request.uid)
  if (typeof names === 'number') return names < 0 ? names : -Errno.EIO
  let length = 0
  for (const name of names) length += name.length + 1
  const sized = fitting(context, length, args.size)
  if (sized !== 0) return sized
  let at = OUT_HEADER
  for (const name of names) {
    at += context.reply.bytes.write(name, at, 'latin1')
    context.reply.bytes[at++] = 0
  }
  return length
}

/** 0 when `length` bytes are to be sent; the size of a fuse_getxattr_out, now written, for a probe; else -errno. */
function fitting(context: Context, length: number, size: number): number {
  if (length > XATTR_MAX || length > context.reply.room) return -Errno.E2BIG
  if (size === 0) return sizeOut(context.reply, 0, length)
  return length > size ? -Errno.ERANGE : 0
}

export function setxattr({ operations, nodeid }: Context, args: typeof requests.setxattr.args): number {
  if (args.value.length > XATTR_MAX) return -Errno.E2BIG
  return operations.setxattr(nodeid, args.attribute, args.value, args.flags, args.killSgid !== 0)
}

export function removexattr({ operations, nodeid }: Context, args: { attribute: string }): number {
  return operations.removexattr(nodeid, args.attribute)
}
