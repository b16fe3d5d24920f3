/**
 * The first minute of an engine whose mount has outlived another one: what that one was doing is taken back or brought
 * to its end, and what the kernel knows is found again. See union/recovery/.
 */
import { Errno } from '../base/errno.js'
import { S_IFDIR, S_IFLNK, S_IFMT, S_PERMISSIONS } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import type { Union } from '../union/context/union.js'
import { writeOverride } from '../union/entries/create-entry.js'
import { markOpaque } from '../union/entries/opaque.js'
import { Restorer } from '../union/recovery/restore.js'
import { rollForward } from '../union/recovery/roll-forward.js'
import type { ForgetMessage } from '../union/state/forgets.js'
import { Intent } from '../union/state/journal.js'
import type { Ledger } from '../union/state/ledger.js'
import { Word } from '../union/state/memory.js'
import { Field } from '../union/state/slots.js'
import type { Caller, Operations } from './contract.js'
import { openExisting } from './create.js'

/** What was left. */
export interface Leftover {
  /** The request that was in hand has not been answered: it comes again. */
  readonly comesAgain: boolean
}

/**
 * Makes `u` what the engine before it was. Operations that answer the request in hand; null: it is served as any.
 * `keepParked` gets the descriptors of files that nobody has asked for yet: what is left of them ends with the engine.
 */
export function resume(
  u: Union,
  plain: Operations,
  left: Leftover,
  keepParked: (parked: ReadonlyMap<number, number>) => void,
): Operations | null {
  const ledger = u.nodes.ledger!
  const { journal } = ledger
  if (left.comesAgain) takeBack(u)
  const parked = ledger.parking.takeAll()
  keepParked(parked)
  const restorer = new Restorer(u, ledger, parked)
  restorer.index.sweep()
  closeStray(u)
  const { intent } = journal
  journal.settle(left.comesAgain)
  restorer.start()
  const done = left.comesAgain && intent.kind !== Intent.NONE && rollForward(restorer, intent)
  restorer.begin()
  carryOutForgets(u, plain)
  return done ? answeringAsDone(u, plain) : null
}

/** Counts as they were before the request that the kernel sends again. */
function takeBack(u: Union): void {
  const { journal, slots } = u.nodes.ledger!
  for (const { slot, field, before } of journal.noted()) {
    if (slots.id(slot) <= 0) continue
    const now = slots.get(slot, field)
    if (field === Field.BACKING && before === 0 && now !== 0) u.binding.closeBacking(now)
    slots.set(slot, field, before)
  }
}

/** FORGETs that were read while others were followed. */
function carryOutForgets(u: Union, plain: Operations): void {
  const { forgets, journal } = u.nodes.ledger!
  journal.hasForgets = true
  const lookups = (id: number) => u.nodes.ghost(id)?.nlookup ?? u.nodes.get(id)?.nlookup ?? 0
  forgets.carryOut(lookups, plain.forget)
  journal.hasForgets = false
}

/**
 * Before anything else is read: a FORGET that was read and perhaps not carried out, for which nobody will ask again, is
 * kept until that is done. `begun`: it was in hand.
 */
export function keepForgets({ forgets, journal, slots }: Ledger, message: ForgetMessage, begun: boolean): void {
  const redone = begun ? restoreForget(journal, slots) : 0
  forgets.keep({ ...message, pairs: message.pairs.slice(redone) })
}

/** How many nodes of the FORGET in hand need not be forgotten again. */
function restoreForget(journal: Ledger['journal'], slots: Ledger['slots']): number {
  const done = journal.forgets
  for (const { slot, field, before } of journal.noted()) {
    if (field !== Field.LOOKUPS + (done << 8)) return done
    if (slots.id(slot) <= 0) return done + 1
    slots.set(slot, Field.LOOKUPS, before)
  }
  return done
}

/** A backing id that was got and not noted any more: numbers follow each other. */
function closeStray(u: Union): void {
  const last = u.nodes.ledger!.memory.words[Word.LAST_BACKING]!
  if (u.data.passthrough) u.binding.closeBacking(last + 1)
}

/** `plain`, but for what the request in hand has done already. */
function answeringAsDone(u: Union, plain: Operations): Operations {
  const finish = (caller: Caller, parent: number, name: string, mode: number) =>
    finishMade(u, caller, parent, name, mode)
  const found = (parent: number, name: string) => plain.lookup(parent, name) || -Errno.EIO
  return {
    ...plain,
    mkdir(caller, parent, name, mode) {
      finish(caller, parent, name, (mode & S_PERMISSIONS) | S_IFDIR)
      return found(parent, name)
    },
    mknod(caller, parent, name, mode) {
      finish(caller, parent, name, mode)
      return found(parent, name)
    },
    symlink(caller, parent, name) {
      finish(caller, parent, name, S_IFLNK | 0o777)
      return found(parent, name)
    },
    create(caller, parent, name, mode, flags) {
      const node = u.nodes.get(parent)
      finish(caller, parent, name, mode)
      return node === undefined ? -Errno.ESTALE : openExisting(u, node, name, flags)
    },
    link: (_node, parent, name) => found(parent, name),
    unlink: () => 0,
    rmdir: () => 0,
    rename(oldParent, oldName) {
      // Where whiteouts are files with a mark, the last of several acts may be missing.
      if (u.whiteouts.writtenAs === 'xattr') plain.unlink(oldParent, oldName)
      return 0
    },
    setxattr(nodeid, attribute, value, flags, kill) {
      const errno = plain.setxattr(nodeid, attribute, value, flags, kill)
      if (errno !== -Errno.EEXIST) return errno
      const there = plain.getxattr(nodeid, attribute)
      return typeof there !== 'number' && Buffer.compare(there, value) === 0 ? 0 : errno
    },
    removexattr(nodeid, attribute) {
      const errno = plain.removexattr(nodeid, attribute)
      return errno === -Errno.ENODATA ? 0 : errno
    },
  }
}

/** What belongs to something new and is done after the act that makes it. */
function finishMade(u: Union, caller: Caller, parentId: number, name: string, mode: number): void {
  const parent = u.nodes.get(parentId)
  const upper = parent?.dir?.upper ?? null
  const fd = upper === null ? -1 : u.cache.fd(upper)
  if (fd < 0 || native.statat(fd, name) < 0) return
  if (u.config.xattrPermissions !== 0) writeOverride(u, fd, name, caller, mode & ~caller.umask)
  const isDirectory = (mode & S_IFMT) === S_IFDIR
  if (isDirectory && parent!.dir!.lowers.length > 0 && u.writable!.capabilities.xattrs) markOpaque(u, fd, name)
}
