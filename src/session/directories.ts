/**
 * Requests about directories. Listings are stateless: a cookie says where to continue, so no handle is needed. OPENDIR
 * is declined once and for all where the kernel allows that. This ends RELEASEDIR too, and keeps directories cached.
 */
import { Errno } from '../base/errno.js'
import type { EntrySink } from '../operations/contract.js'
import { InitFlag } from '../protocol/flags.js'
import type * as requests from '../protocol/requests-data.js'
import type { Context } from './context.js'

export function opendir(context: Context): number {
  return context.agreedOn(InitFlag.NO_OPENDIR_SUPPORT) ? -Errno.ENOSYS : 0
}

export function releasedir(): number {
  return 0
}

export function fsyncdir({ operations, nodeid }: Context, args: typeof requests.fsync.args): number {
  return operations.fsyncdir(nodeid, args.datasync !== 0)
}

export function readdir(context: Context, args: typeof requests.read.args): number {
  return listInto(context, args, false, context.namesSink)
}

export function readdirplus(context: Context, args: typeof requests.read.args): number {
  return listInto(context, args, true, context.plusSink)
}

/**
 * An error after some entries is kept for the next request: with READDIRPLUS the nodes of those entries are counted, so
 * the kernel has to hear of them. An answer without entries means the end, so a first entry that does not fit is an
 * error.
 */
function listInto(context: Context, args: typeof requests.read.args, plus: boolean, sink: EntrySink): number {
  const { list, operations, nodeid } = context
  list.start(args.size)
  const done = operations.readdir(nodeid, args.offset, plus, sink)
  if (list.used > 0) return list.used
  if (done < 0) return done
  return list.full ? -Errno.EINVAL : 0
}
