/** Requests about a file's attributes: what SETATTR's bits mean, and STATX beside GETATTR. */
import type { SetAttr } from '../operations/contract.js'
import { SetattrFlag } from '../protocol/flags.js'
import type * as requests from '../protocol/requests.js'
import type { Context } from './context.js'

export function getattr({ operations, nodeid }: Context): number {
  return operations.getattr(nodeid)
}

/**
 * The changes a SETATTR asks for. Its fh and lock owner say nothing that the nodeid does not. A ctime (sent only by
 * kernels with WRITEBACK_CACHE) cannot be set on any file beneath. ATIME without ATIME_NOW gives the time itself. One
 * that changes nothing is left of the kernel's wish to clear setuid or setgid before a write or a fallocate. It has
 * looked whether the caller is of the group, which no other request tells.
 */
function changesOf(args: typeof requests.setattr.args, { uid, gid, pid }: Context['request']): SetAttr {
  const { valid } = args
  const changes: SetAttr = {}
  if ((valid & ~(SetattrFlag.FH | SetattrFlag.LOCKOWNER | SetattrFlag.CTIME)) === 0) {
    changes.killSuidGid = true
    // Of root's the kernel only means setuid or file capabilities.
    if (uid !== 0) changes.killSetgid = true
  }
  if (valid & SetattrFlag.MODE) changes.mode = args.mode
  if (valid & SetattrFlag.UID) changes.uid = args.uid
  if (valid & SetattrFlag.GID) changes.gid = args.gid
  if (valid & SetattrFlag.SIZE) changes.size = args.size
  if (valid & SetattrFlag.KILL_SUIDGID) {
    changes.killSuidGid = true
    changes.writer = { gid, pid }
  }
  if (valid & SetattrFlag.ATIME_NOW) changes.atimeNow = true
  else if (valid & SetattrFlag.ATIME) {
    changes.atime = args.atime
    changes.atimeNs = args.atimeNs
  }
  if (valid & SetattrFlag.MTIME_NOW) changes.mtimeNow = true
  else if (valid & SetattrFlag.MTIME) {
    changes.mtime = args.mtime
    changes.mtimeNs = args.mtimeNs
  }
  return changes
}

export function setattr({ operations, nodeid, request }: Context, args: typeof requests.setattr.args): number {
  return operations.setattr(nodeid, changesOf(args, request))
}

export function statfs({ operations, nodeid }: Context): number {
  return operations.statfs(nodeid)
}
