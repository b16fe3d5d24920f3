/**
 * The engine as its surroundings see it: made from a configuration, asked by a transport through `operations`,
 * described for people, ended. Everything in it runs on the thread that made it.
 */

import { StratafsError } from '../base/failure.js'
import { stackIdentity } from '../owner-index/database/stack-identity.js'
import type { ChangeRecorder } from '../owner-index/engine/change-recorder.js'
import type { LowerIndex } from '../owner-index/engine/lower-index.js'
import type { MergePlan } from '../snapshots/merge-plan.js'
import type { LowerStackConfig } from '../stack/lower-stack.js'
import { native } from '../syscalls/native.js'
import type { UnionConfig } from '../union/context/config.js'
import { type DataModeRequest, negotiatedMode } from '../union/context/data-mode.js'
import type { DataBinding, DataModeAgreed } from '../union/context/results.js'
import type { LogFunction, Union } from '../union/context/union.js'
import type { LimitReport } from '../union/context/upper-limit.js'
import { hurryFilling, placeFilled } from '../union/copy-up/filling.js'
import { noteWritten } from '../union/data/content-fd.js'
import { describeUnion, stackOf, type UnionDescription } from '../union/describe.js'
import { type KeptState, keep } from '../union/kept-state.js'
import { listingOf } from '../union/lookup/merged-directory.js'
import { Outlived } from '../union/outlived.js'
import { type Restacked, type RestackOrder, restack } from '../union/restack/restack.js'
import { setUp, tearDown } from '../union/setup.js'
import { type Frozen, freeze } from '../union/snapshot/freeze.js'
import { type Merged, mergeLayer } from '../union/snapshot/merge-layer.js'
import { leave, type RestoreOrder, restore } from '../union/snapshot/restore.js'
import type { Ledger } from '../union/state/ledger.js'
import { unsettled } from '../union/unsettled.js'
import { walkOwners } from '../union/walk-owners.js'
import {
  type HiddenPath,
  type OwnedEntry,
  type OwnedPage,
  type Ownership,
  ownerOf,
  ownersIn,
} from '../union/which-layer.js'
import { getattr, setattr } from './attributes.js'
import { applyLimit, changeLimit, type LimitChange, type LimitObstacle, moveLimit } from './change-limit.js'
import type { Operations } from './contract.js'
import { create, mkdir, mknod, symlink, tmpfile } from './create.js'
import { getFlags, setFlags, statfs } from './filesystem.js'
import { link, readlink } from './link.js'
import { logged, logWritten } from './logged.js'
import { forget, lookup } from './lookup.js'
import { metadataView } from './metadata-view.js'
import { copyFileRange, fallocate, fsync, fsyncdir, lseek, open, read, release, write } from './open.js'
import { readdir } from './readdir.js'
import { rmdir, unlink } from './remove.js'
import { rename } from './rename.js'
import { type Leftover, resume } from './resume.js'
import { getxattr, listxattr, removexattr, setxattr } from './xattrs.js'

export type { Restacked, RestackOrder, RestoreOrder }

export interface Engine {
  readonly operations: Operations
  /** What is wanted for file data when the connection begins. */
  readonly dataWish: DataModeRequest
  describe(): UnionDescription
  /** Says once, in the log and in `inspect`, what this mount does without. */
  downgrade(what: string): void
  counters(): Record<string, number>
  /** How the index has served; null where there is none. */
  indexCounters(): Readonly<Record<string, number>> | null
  /** What whoever writes the index needs to know; the descriptors are the engine's. */
  readonly stack: LowerStackConfig
  /** The upper's root, or -1. */
  readonly upperFd: number
  /** Uses an index from now on. */
  useIndex(index: LowerIndex): void
  /** The identity of the lower layers. */
  identity(): string
  /**
   * The engine was woken in a quiet moment: opens the index when it has become ready, tells its writer what was held
   * back.
   */
  tendIndex(): void
  /**
   * Files that were written to while they were copied up, and are whole now, get their place in the upper. True while
   * some are not; `hurry`: somebody waits for all.
   */
  placeFilled(hurry: boolean): boolean
  /** The owner of a path relative to the mount's root, or -errno. */
  which(path: string): Ownership | HiddenPath | number
  /** A page of a directory's entries with their owners, from cookie `after` on (0: the start); or -errno. */
  owners(path: string, after: number, limit: number): OwnedPage | number
  /** Calls `visit` for every entry below the directory at a path; -errno where that cannot be read. */
  walkOwners(path: string, visit: (entry: OwnedEntry) => void): number
  /** The limit of the upper, changed before where something is to change. */
  limit(change: LimitChange): LimitReport | LimitObstacle
  /** Tells changes to `recorder` from now on. */
  useChangeLog(recorder: ChangeRecorder): void
  /** Has the change log brought to the database; what Slot.LOGGED will be then. null: there is none. */
  flushChangeLog(): number | null
  /** Makes the upper a lower layer, the snapshot `id` called `name`; or says why not. Words are latin1. */
  freeze(id: number, name: string): Frozen | StratafsError
  /**
   * Puts an empty upper on a snapshot in the place of the present one: every nodeid but the root's is stale then. The
   * names in the root before and after it, where the order asks for them; or why not. Words are latin1.
   */
  restore(order: RestoreOrder): string[] | StratafsError
  /** Makes one of two layers that are snapshots, with nobody the wiser; or says why not. */
  merge(plan: MergePlan): Merged | StratafsError
  /** Puts the mount on other lower layers, or says who needs one that would go, or why it cannot be. */
  restack(order: RestackOrder): Restacked | StratafsError
  /** What the kernel knows, kept for the next process; null: this mount ends with its own. */
  readonly ledger: Ledger | null
  /** Goes on where another engine has died, before anything is served: see operations/resume.ts. */
  resume(left: Leftover): Operations | null
  /** Syncs, and releases every descriptor. `isSynced`: since the last change the upper has been synced already. */
  close(isSynced?: boolean): void
}

/** Opens the layers and makes the engine, or says why not. */
export function createEngine(
  config: UnionConfig,
  binding: DataBinding,
  log: LogFunction,
  kept: KeptState | null = null,
): Engine | StratafsError {
  const made = setUp(config, binding, log)
  if (made instanceof StratafsError) return made
  let u = made
  if (kept !== null) keep(u, kept)
  const { metadata } = u.config
  const plain = operationsOf(u)
  applyLimit(u, plain)
  let changes: ChangeRecorder | null = null
  const operations = metadata === undefined ? plain : metadataView(u, plain, metadata)
  let parked: ReadonlyMap<number, number> = new Map()
  const closeParked = (): void => {
    for (const fd of parked.values()) native.close(fd)
    parked = new Map()
  }
  const outlived = new Outlived()
  return {
    operations,
    freeze: (id, name) => {
      // Descriptors by which that is seen are closed.
      if (changes !== null) logWritten(u, changes)
      return unsettled(u) ?? freeze(u, id, name)
    },
    merge: (plan) => unsettled(u) ?? mergeLayer(u, plan),
    restore: (order) => {
      const last = u
      const obstacle = unsettled(last)
      if (obstacle !== null) return obstacle
      const next = restore(last, order, (config) => setUp(config, binding, log, last.limit !== null))
      if (next instanceof StratafsError) return next
      u = next
      outlived.addUnion(last, last.nodes.ledger)
      const names = turnTo(last, next, operations, order.byName, changes)
      closeParked()
      return names
    },
    restack: (order) => unsettled(u) ?? restack(u, order, (each) => outlived.addLayers(each)),
    dataWish: u.dataWish,
    ledger: u.nodes.ledger,
    resume: (left) =>
      resume(u, plain, left, (fds) => {
        parked = fds
      }),
    describe: () => describeUnion(u),
    downgrade: (what) => u.degrade(what),
    counters: () => ({ nodes: u.nodes.size, directories: u.cache.size, listings: u.listings.size, ...u.counters }),
    indexCounters: () => u.lowerIndex?.counters ?? null,
    stack: stackOf(u),
    get upperFd() {
      return u.writable?.layer.rootFd ?? -1
    },
    useIndex: (index) => {
      u.lowerIndex = index
    },
    identity: () => stackIdentity(u),
    tendIndex: () => {
      const { wakeFd } = u.binding
      if (outlived.tend(u) && wakeFd >= 0) native.signalEvent(wakeFd)
      noteWritten(u)
      u.limit?.tend()
      if (changes !== null) logWritten(u, changes)
      changes?.flush()
      if (u.lowerIndex?.serves(u.lowers.length)) u.lowerIndex.prepare()
      u.lowerIndex?.flush()
    },
    placeFilled: (hurry) => {
      if (hurry) hurryFilling(u)
      return placeFilled(u)
    },
    which: (path) => ownerOf(u, path),
    owners: (path, after, limit) => ownersIn(u, path, after, limit),
    walkOwners: (path, visit) => walkOwners(u, path, visit),
    limit: (change) => changeLimit(u, plain, change),
    useChangeLog: (recorder) => {
      changes = recorder
      Object.assign(plain, logged(u, { ...plain }, recorder))
    },
    flushChangeLog() {
      if (changes !== null) logWritten(u, changes)
      return changes?.flush(true) ?? null
    },
    close: (isSynced = false) => {
      outlived.end()
      changes?.flush()
      u.lowerIndex?.flush()
      u.nodes.ledger?.parking.end()
      closeParked()
      tearDown(u, isSynced)
      // The index may say that it has ended well only when the upper is on disk.
      if (u.lowerIndex === null) changes?.end()
      u.lowerIndex?.close()
    },
  }
}

/** `next` serves in the place of `last`; the names in both roots, where they are wanted. */
function turnTo(
  last: Union,
  next: Union,
  operations: Operations,
  byName: boolean,
  changes: ChangeRecorder | null,
): string[] {
  const names = (byName ? [last, next] : [])
    .map((u) => listingOf(u, u.root))
    .flatMap((list) => (typeof list === 'number' ? [] : list.names()))
  last.nodes.ledger?.voidAll()
  next.nodes.continueAfter(last.nodes)
  next.data = last.data
  Object.assign(next.counters, last.counters)
  if (changes !== null) logWritten(last, changes)
  leave(last)
  moveLimit(last, next)
  const plain = operationsOf(next)
  applyLimit(next, plain)
  Object.assign(operations, changes === null ? plain : logged(next, plain, changes))
  // All that has become other than it was is not told one by one.
  changes?.jump()
  return [...new Set(names)]
}

/** The connection has begun. */
function begin(u: Union, terms: DataModeAgreed): void {
  u.data = negotiatedMode(u.dataWish, terms)
  if (u.config.data === 'passthrough' && !terms.passthrough)
    u.degrade(`data=passthrough is not to be had: ${u.data.why}`)
  const { passthrough, writeback, why } = u.data
  u.limit?.begin()
  u.log('info', `file data: ${passthrough ? 'passthrough' : 'cached'} (${why})`, { writeback })
}

/** The operations, bound to one union. */
function operationsOf(u: Union): Operations {
  return {
    begin: (terms) => begin(u, terms),
    attr: u.attr,
    opened: u.opened,
    fsstat: u.fsstat,
    lookup: (parent, name) => lookup(u, parent, name),
    forget: (nodeid, count) => forget(u, nodeid, count),
    getattr: (nodeid) => getattr(u, nodeid),
    setattr: (nodeid, changes) => setattr(u, nodeid, changes),
    readlink: (nodeid) => readlink(u, nodeid),
    symlink: (caller, parent, name, target) => symlink(u, caller, parent, name, target),
    mknod: (caller, parent, name, mode, major, minor) => mknod(u, caller, parent, name, mode, major, minor),
    mkdir: (caller, parent, name, mode) => mkdir(u, caller, parent, name, mode),
    link: (nodeid, parent, name) => link(u, nodeid, parent, name),
    unlink: (parent, name) => unlink(u, parent, name),
    rmdir: (parent, name) => rmdir(u, parent, name),
    rename: (oldParent, oldName, newParent, newName, flags) => rename(u, oldParent, oldName, newParent, newName, flags),
    open: (nodeid, flags) => open(u, nodeid, flags),
    create: (caller, parent, name, mode, flags) => create(u, caller, parent, name, mode, flags),
    tmpfile: (caller, parent, mode, flags) => tmpfile(u, caller, parent, mode, flags),
    release: (nodeid, fh) => release(u, nodeid, fh),
    read: (nodeid, length, offset, port) => read(u, nodeid, length, offset, port),
    write: (nodeid, length, offset, kill, port) => write(u, nodeid, length, offset, kill, port),
    fsync: (nodeid, datasync) => fsync(u, nodeid, datasync),
    fsyncdir: (nodeid, datasync) => fsyncdir(u, nodeid, datasync),
    fallocate: (nodeid, mode, offset, length) => fallocate(u, nodeid, mode, offset, length),
    lseek: (nodeid, offset, whence) => lseek(u, nodeid, offset, whence),
    copyFileRange: (from, offsetIn, to, offsetOut, length) => copyFileRange(u, from, offsetIn, to, offsetOut, length),
    readdir: (nodeid, offset, plus, sink) => readdir(u, nodeid, offset, plus, sink),
    statfs: (nodeid) => statfs(u, nodeid),
    getxattr: (nodeid, attribute) => getxattr(u, nodeid, attribute),
    setxattr: (nodeid, attribute, value, flags, kill) => setxattr(u, nodeid, attribute, value, flags, kill),
    listxattr: (nodeid, uid) => listxattr(u, nodeid, uid),
    removexattr: (nodeid, attribute) => removexattr(u, nodeid, attribute),
    getFlags: (nodeid) => getFlags(u, nodeid),
    setFlags: (nodeid, flags) => setFlags(u, nodeid, flags),
  }
}
