/**
 * unlink and rmdir. Where a lower layer holds the name, a whiteout takes its place in one act. It is made on the spot
 * where the upper has nothing there; else it is moved in from the workdir over what stands there.
 */
import { Errno } from '../base/errno.js'
import { AT_REMOVEDIR, RENAME_EXCHANGE } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { checkDelete } from '../union/context/protection.js'
import { isLowerPositive } from '../union/context/search.js'
import type { Union } from '../union/context/union.js'
import { copyUp } from '../union/copy-up/copy-up.js'
import { copyUpForUnlink, prepareUnlink, publishUnlink } from '../union/entries/remove-entry.js'
import { holdsWhiteouts, isEmpty, keepTold } from '../union/lookup/merged-directory.js'
import type { Node } from '../union/nodes/node.js'
import { placeOf } from '../union/state/place-of.js'
import { directoryOf, existing } from './directory-of.js'

export function unlink(u: Union, parentId: number, name: string): number {
  return remove(u, parentId, name, false)
}

export function rmdir(u: Union, parentId: number, name: string): number {
  return remove(u, parentId, name, true)
}

function remove(u: Union, parentId: number, name: string, directory: boolean): number {
  const parent = directoryOf(u, parentId)
  if (typeof parent === 'number') return parent
  const node = existing(u, parent, name)
  if (typeof node === 'number') return node
  const kept = checkDelete(parent, node)
  if (kept < 0) return kept
  const refused = checkKind(u, node, directory)
  if (refused < 0) return refused
  const errno = copyUp(u, parent)
  return errno < 0 ? errno : removeName(u, parent, name, node)
}

function checkKind(u: Union, node: Node, directory: boolean): number {
  if (!directory) return node.dir === null ? 0 : -Errno.EISDIR
  if (node.dir === null) return -Errno.ENOTDIR
  const empty = isEmpty(u, node)
  if (empty < 0) return empty
  return empty === 1 ? 0 : -Errno.ENOTEMPTY
}

function removeName(u: Union, parent: Node, name: string, node: Node): number {
  keepTold(u, parent)
  const hides = isLowerPositive(u, parent.dir!, name)
  if (hides < 0) return hides
  const counted = copyUpForUnlink(u, node, parent, name)
  if (counted < 0) return counted
  const upper = u.cache.fd(parent.dir!.upper!)
  if (upper < 0) return upper
  // With nothing below, the removal itself tells whether it stands there.
  const looks = hides > 0 && node.isUpper
  const stands = looks ? native.statat(upper, name) : 0
  if (stands < 0 && stands !== -Errno.ENOENT) return stands
  const inUpper = node.isUpper && stands >= 0
  const prepared = prepareUnlink(u, node, parent, name)
  if (prepared < 0) return prepared
  intendRemoval(u, parent, name, node)
  const errno = hides > 0 ? hide(u, parent, name, node, inUpper) : removeUpper(u, upper, name, node)
  if (errno < 0) return errno
  // From here the name is gone on disk; nothing below may fail.
  publishUnlink(u, node, parent, name, inUpper)
  return 0
}

function intendRemoval(u: Union, parent: Node, name: string, node: Node): void {
  const { ledger } = u.nodes
  if (ledger === null) return
  const lies = node.isUpper ? null : placeOf(node)
  ledger.journal.intendRemoval(parent.id, name, node.id, lies)
}

/** Nothing below: the upper entry goes, a directory with the whiteouts that are all it holds by way of the workdir. */
function removeUpper(u: Union, upper: number, name: string, node: Node): number {
  if (node.dir === null) return native.unlinkat(upper, name, 0)
  const errno = native.unlinkat(upper, name, AT_REMOVEDIR)
  if (errno !== -Errno.ENOTEMPTY || !holdsWhiteouts(u, node.dir)) return errno
  const work = u.writable!.work
  const temporary = work.temporary()
  const moved = native.renameat(upper, name, work.fd, temporary, 0)
  if (moved >= 0) work.discard(temporary)
  return moved
}

/** A whiteout for `name`, in place of what the upper holds there. */
function hide(u: Union, parent: Node, name: string, node: Node, inUpper: boolean): number {
  u.counters.whiteouts++
  const upper = parent.dir!.upper!
  if (!inUpper || u.whiteouts.writeAufs) {
    const made = u.whiteouts.make(upper, name)
    if (made < 0 || !inUpper) return made
    return removeUpper(u, u.cache.fd(upper), name, node)
  }
  const ready = u.whiteouts.prepare(upper)
  return ready < 0 ? ready : replaceByWhiteout(u, u.cache.fd(upper), name, node.dir !== null)
}

export function replaceByWhiteout(u: Union, upper: number, name: string, directory: boolean): number {
  const work = u.writable!.work
  const temporary = work.temporary()
  const made = work.whiteout.place(work.fd, temporary)
  if (made < 0) return made
  const errno = native.renameat(work.fd, temporary, upper, name, directory ? RENAME_EXCHANGE : 0)
  // After an exchange the directory lies in the workdir; after a failure the whiteout still does.
  if (errno < 0 || directory) work.discard(temporary)
  return errno
}
