/**
 * A rename that leaves a whiteout where the filesystem can hold whiteouts only as marked files: no RENAME_WHITEOUT
 * makes those. So the whiteout is made first and takes the old name by an exchange. Nothing is lost at any moment: at
 * worst, after a crash, a name that has gone is shown once more.
 */

import type { LayerDir } from '../layers/layer-dir.js'
import { RENAME_EXCHANGE, RENAME_NOREPLACE } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import type { Union } from '../union/context/union.js'
import type { Node } from '../union/nodes/node.js'
import { replaceByWhiteout } from './remove.js'

export interface MarkedMove {
  readonly u: Union
  /** Upper directories, prepared for whiteouts. */
  readonly from: LayerDir
  readonly oldName: string
  readonly to: LayerDir
  readonly newName: string
  readonly node: Node
  /** What the new name shows. */
  readonly victim: Node | null
  readonly shown: boolean
  /** The upper holds an entry under the new name. */
  readonly entry: boolean
}

/** Renames, and leaves a whiteout under the old name; 0, or -errno and everything is as before. */
export function leaveMarked(m: MarkedMove): number {
  const errno = m.entry ? overEntry(m) : m.shown ? overLower(m) : toNothing(m)
  if (errno >= 0) m.u.counters.whiteouts++
  return errno
}

function rename(m: MarkedMove, flags: number): number {
  const { cache } = m.u
  return native.renameat(cache.fd(m.from), m.oldName, cache.fd(m.to), m.newName, flags)
}

/** The new name shows nothing, so a whiteout there changes nothing; one exchange does the rest. */
function toNothing(m: MarkedMove): number {
  const made = m.u.whiteouts.make(m.to, m.newName)
  if (made < 0) return made
  const errno = rename(m, RENAME_EXCHANGE)
  if (errno < 0) m.u.whiteouts.remove(m.to, m.newName)
  return errno
}

/** What stood under the new name takes the old one for a moment, until the whiteout does. */
function overEntry(m: MarkedMove): number {
  const errno = rename(m, RENAME_EXCHANGE)
  if (errno < 0) return errno
  const hidden = replaceByWhiteout(m.u, m.u.cache.fd(m.from), m.oldName, m.victim?.dir != null)
  if (hidden < 0) rename(m, RENAME_EXCHANGE)
  return hidden
}

/** The lower file under the new name shows until the rename, and the one under the old name until the whiteout. */
function overLower(m: MarkedMove): number {
  const { u, from, to } = m
  const errno = rename(m, RENAME_NOREPLACE)
  if (errno < 0) return errno
  const hidden = u.whiteouts.make(from, m.oldName)
  if (hidden < 0) native.renameat(u.cache.fd(to), m.newName, u.cache.fd(from), m.oldName, RENAME_NOREPLACE)
  return hidden
}
