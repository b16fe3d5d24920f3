/**
 * rename and renameat2: plan (union/entries/rename-plan.ts), prepare, the one rename, publish. Everything up to the
 * rename may fail and leaves the merged tree as it was; nothing after it may.
 */

import { Errno } from '../base/errno.js'
import { RENAME_EXCHANGE, RENAME_NOREPLACE, RENAME_WHITEOUT, S_IFDIR } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { Stat } from '../syscalls/stat.js'
import { notifyIndex } from '../union/context/index-updates.js'
import { checkDelete, checkImmutable } from '../union/context/protection.js'
import { isLowerPositive } from '../union/context/search.js'
import type { Union } from '../union/context/union.js'
import { copyUp, markImpure } from '../union/copy-up/copy-up.js'
import { moveAside, moveBack, replaceByOpaqueEmpty } from '../union/entries/clear-empty.js'
import { checkName } from '../union/entries/create-entry.js'
import { keepMetacopyReachable, setOpaque, setRedirect } from '../union/entries/redirects.js'
import { copyUpForUnlink, copyUpWithName, prepareUnlink, publishUnlink } from '../union/entries/remove-entry.js'
import { planRename, type RenamePlan, type Target } from '../union/entries/rename-plan.js'
import { childOf, placeFile } from '../union/lookup/lookup.js'
import { holdsWhiteouts, isEmpty, keepTold, listingAdd, listingRemove } from '../union/lookup/merged-directory.js'
import { addName, dropName, type Node } from '../union/nodes/node.js'
import { placeOf } from '../union/state/place-of.js'
import { directoryOf, existing } from './directory-of.js'
import { leaveMarked, type MarkedMove } from './leave-marked.js'

interface Move {
  readonly u: Union
  readonly flags: number
  readonly oldParent: Node
  readonly oldName: string
  readonly newParent: Node
  readonly newName: string
  readonly node: Node
  /** What the new name shows now, or null. */
  readonly victim: Node | null
}

export function rename(
  u: Union,
  oldParentId: number,
  oldName: string,
  newParentId: number,
  newName: string,
  flags: number,
): number {
  const oldParent = directoryOf(u, oldParentId)
  if (typeof oldParent === 'number') return oldParent
  const newParent = directoryOf(u, newParentId)
  if (typeof newParent === 'number') return newParent
  if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)) !== 0) return -Errno.EINVAL
  const refused = checkName(newName)
  if (refused < 0) return refused
  const node = existing(u, oldParent, oldName)
  if (typeof node === 'number') return node
  const victim = childOf(u, newParent, newName)
  if (typeof victim === 'number' && victim < 0) return victim
  const move = {
    u,
    flags,
    oldParent,
    oldName,
    newParent,
    newName,
    node,
    victim: typeof victim === 'number' ? null : victim,
  }
  if (move.victim === node) return 0
  return perform(move)
}

function perform(m: Move): number {
  const checked = checkVictim(m)
  if (checked < 0) return checked
  const target = targetOf(m)
  const plan = planOf(m, target)
  if (typeof plan === 'number') return plan
  const ready = prepare(m, plan)
  if (ready < 0) return ready
  const done = act(m, plan)
  if (done < 0) return done
  // From here the rename is on disk; nothing below may fail.
  publish(m, target)
  return 0
}

/** What is immutable or append-only keeps its name and its entries. */
function checkProtection(m: Move): number {
  const source = checkDelete(m.oldParent, m.node)
  if (source < 0) return source
  return m.victim === null ? checkImmutable(m.newParent) : checkDelete(m.newParent, m.victim)
}

/** Kinds that do not go together, and a directory that is not empty. */
function checkVictim(m: Move): number {
  if (m.victim !== null && (m.flags & RENAME_NOREPLACE) !== 0) return -Errno.EEXIST
  const kept = checkProtection(m)
  if (kept < 0) return kept
  if (m.victim === null || (m.flags & RENAME_EXCHANGE) !== 0) return 0
  if (m.node.dir !== null && m.victim.dir === null) return -Errno.ENOTDIR
  if (m.node.dir === null && m.victim.dir !== null) return -Errno.EISDIR
  if (m.victim.dir === null) return 0
  const empty = isEmpty(m.u, m.victim)
  if (empty < 0) return empty
  return empty === 1 ? 0 : -Errno.ENOTEMPTY
}

function planOf(m: Move, target: Target): RenamePlan | number {
  const { u, node, victim } = m
  const lowerPositive = isLowerPositive(u, m.oldParent.dir!, m.oldName)
  if (lowerPositive < 0) return lowerPositive
  return planRename({
    exchange: (m.flags & RENAME_EXCHANGE) !== 0,
    noreplace: (m.flags & RENAME_NOREPLACE) !== 0,
    whiteout: (m.flags & RENAME_WHITEOUT) !== 0,
    oldIsDirectory: node.dir !== null,
    oldHasLowers: (node.dir?.lowers.length ?? 0) > 0,
    oldLowerPositive: lowerPositive > 0,
    oldParentHasLowers: m.oldParent.dir!.lowers.length > 0,
    newExists: victim !== null,
    newIsDirectory: victim?.dir != null,
    newHasLowers: (victim?.dir?.lowers.length ?? 0) > 0,
    newParentHasLowers: m.newParent.dir!.lowers.length > 0,
    target,
    redirects: u.redirects,
    aufs: u.whiteouts.writeAufs,
  })
}

/** What stands in the upper under the new name. */
function targetOf(m: Move): Target {
  const upper = m.newParent.dir!.upper
  if (upper === null) return 'none'
  const fd = m.u.cache.fd(upper)
  if (fd < 0 || native.statat(fd, m.newName) < 0) return 'none'
  return m.u.whiteouts.isWhiteout(upper, fd, m.newName) ? 'whiteout' : 'entry'
}

/** Everything that may fail and leaves the merged tree as it is. */
function prepare(m: Move, plan: RenamePlan): number {
  const { u, node, victim } = m
  keepTold(u, m.oldParent)
  keepTold(u, m.newParent)
  let errno = copyUp(u, m.newParent)
  if (errno >= 0) errno = copyUp(u, m.oldParent)
  if (errno >= 0) errno = copyUpWithName(u, node, m.oldParent, m.oldName)
  if (errno >= 0 && plan.act === 'exchange' && victim !== null)
    errno = copyUpWithName(u, victim, m.newParent, m.newName)
  if (errno < 0) return errno
  errno = prepareMarks(m, plan)
  if (errno < 0 || victim === null || (m.flags & RENAME_EXCHANGE) !== 0) return errno
  if (victim.dir !== null && makesWay(m)) errno = 0
  else if (victim.dir !== null && holdsWhiteouts(u, victim.dir)) errno = replaceByOpaqueEmpty(u, victim)
  else errno = copyUpForUnlink(u, victim, m.newParent, m.newName)
  return errno < 0 ? errno : prepareUnlink(u, victim, m.newParent, m.newName)
}

/** The victim holds whiteouts, and no empty directory that says to be opaque can be had to stand in for it. */
function makesWay({ u, victim, flags }: Move): boolean {
  if (victim === null || victim.dir === null || (flags & RENAME_EXCHANGE) !== 0) return false
  return u.whiteouts.writeAufs && !u.writable!.capabilities.xattrs && holdsWhiteouts(u, victim.dir)
}

function prepareMarks(m: Move, plan: RenamePlan): number {
  const { u, node, victim } = m
  const same = m.oldParent === m.newParent
  if (plan.redirectOld) {
    const errno = setRedirect(u, node, same)
    if (errno < 0) return errno
  } else if (plan.opaqueOld) {
    const errno = setOpaque(u, node)
    if (errno < 0) return errno
  }
  if (plan.redirectNew) {
    const errno = setRedirect(u, victim!, same)
    if (errno < 0) return errno
  } else if (plan.opaqueNew) {
    const errno = setOpaque(u, victim!)
    if (errno < 0) return errno
  }
  let kept = keepMetacopyReachable(u, node)
  if (kept >= 0 && victim !== null && (m.flags & RENAME_EXCHANGE) !== 0) kept = keepMetacopyReachable(u, victim)
  if (kept < 0) return kept
  if (node.hasOrigin) markImpure(u, m.newParent)
  if (victim?.hasOrigin && (m.flags & RENAME_EXCHANGE) !== 0) markImpure(u, m.oldParent)
  return 0
}

function act(m: Move, plan: RenamePlan): number {
  const { u } = m
  const from = m.oldParent.dir!.upper!
  const to = m.newParent.dir!.upper!
  const ready = prepareWhiteout(m, plan)
  if (ready < 0) return ready
  intendRename(m)
  if (plan.act === 'leave-whiteout' && u.whiteouts.writtenAs === 'xattr') return leaveMarked(move(m))
  if (plan.aufsWhiteoutAtOld) {
    const made = u.whiteouts.make(from, m.oldName)
    if (made < 0) return made
  }
  const flags = plan.act === 'exchange' ? RENAME_EXCHANGE : plan.act === 'leave-whiteout' ? RENAME_WHITEOUT : 0
  const aside = makesWay(m) ? moveAside(u, m.victim!) : ''
  let errno = typeof aside === 'number' ? aside : 0
  if (errno >= 0) errno = native.renameat(u.cache.fd(from), m.oldName, u.cache.fd(to), m.newName, flags)
  if (errno < 0) {
    if (typeof aside === 'string' && aside !== '') moveBack(u, m.victim!, aside)
    if (plan.aufsWhiteoutAtOld) u.whiteouts.remove(from, m.oldName)
    return errno
  }
  if (plan.dropWhiteoutAtOld) native.unlinkat(u.cache.fd(from), m.oldName, 0)
  if (to.aufs === 'marked') native.unlinkat(u.cache.fd(to), `.wh.${m.newName}`, 0)
  if (typeof aside === 'string' && aside !== '') u.writable!.work.discard(aside)
  if (plan.act === 'leave-whiteout') u.counters.whiteouts++
  return 0
}

function intendRename({ u, flags, oldParent, oldName, newParent, newName, node, victim }: Move): void {
  const { ledger } = u.nodes
  if (ledger === null) return
  // Where the old name shows something at a moment after the act it does not say whether that has come.
  const tells = (flags & RENAME_EXCHANGE) === 0 && u.whiteouts.writtenAs !== 'xattr'
  const ino = tells || native.statat(u.cache.fd(oldParent.dir!.upper!), oldName) < 0 ? 0 : native.stat[Stat.INO_LOW]!
  const lies = victim === null || victim.isUpper ? null : placeOf(victim)
  const names = { parent: oldParent.id, name: oldName, newParent: newParent.id, newName }
  ledger.journal.intendRename({ ...names, node: node.id, victim: victim?.id ?? 0, flags, ino }, lies)
}

/** A whiteout will stand under the old name, or under the new one for a moment. */
function prepareWhiteout(m: Move, plan: RenamePlan): number {
  if (plan.act === 'plain' || plan.aufsWhiteoutAtOld) return 0
  const { whiteouts } = m.u
  // Exchanged for one another, neither of the two is a whiteout.
  if ((m.flags & RENAME_EXCHANGE) !== 0) return 0
  const errno = whiteouts.prepare(m.oldParent.dir!.upper!)
  return errno < 0 ? errno : whiteouts.prepare(m.newParent.dir!.upper!)
}

function move(m: Move): MarkedMove {
  const { u, oldName, newName, victim, node } = m
  const from = m.oldParent.dir!.upper!
  const to = m.newParent.dir!.upper!
  return { u, from, oldName, to, newName, shown: victim !== null, entry: targetOf(m) === 'entry', node, victim }
}

function publish(m: Move, target: Target): void {
  const { u, node, victim, oldParent, oldName, newParent, newName } = m
  const exchange = (m.flags & RENAME_EXCHANGE) !== 0
  if (victim !== null && !exchange) publishUnlink(u, victim, newParent, newName, target === 'entry')
  dropName(node, oldParent, oldName)
  if (victim !== null && exchange) dropName(victim, newParent, newName)
  settle(node, oldParent, oldName, newParent, newName)
  if (victim !== null && exchange) settle(victim, newParent, newName, oldParent, oldName)
  else listingRemove(oldParent, oldName)
  u.nodes.ledger?.renamed(node)
  if (victim !== null && exchange) u.nodes.ledger?.renamed(victim)
  listingAdd(newParent, newName, node.type)
  notifyIndex(u, oldParent, oldName, true)
  notifyIndex(u, newParent, newName, true)
  if (victim !== null && exchange) listingAdd(oldParent, oldName, victim.type)
}

/** `node` now stands at (to, newName), on disk and in memory. */
function settle(node: Node, from: Node, oldName: string, to: Node, newName: string): void {
  addName(node, to, newName)
  if (node.type === S_IFDIR) {
    const upper = node.dir!.upper!
    upper.parent = to.dir!.upper
    upper.name = newName
  } else if (node.inodeDir === from.dir!.upper && node.inodeName === oldName) placeFile(node, to.dir!.upper!, newName)
}
