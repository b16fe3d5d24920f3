/**
 * Putting a union together: layers opened, the upper's filesystem tried out, the workdir swept, the root node made. What
 * cannot be had is either refused with a sentence for the person who mounts, or done without and said aloud, once.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { errnoName } from '../base/errno.js'
import { idmappedAmong } from '../layers/idmapped.js'
import { deviceOfStat, type Layer, openLower, openUpper, Refusal } from '../layers/layer.js'
import { defaultPrefix, MarkStore, noMarks, TRUSTED_MARKS, USER_MARKS } from '../layers/marks.js'
import { originMark } from '../layers/origin-mark.js'
import { findOverride } from '../layers/override-trust.js'
import { type IdRules, overrideNames } from '../layers/ownership.js'
import { DirCache } from '../layers/real-dir.js'
import { makeMarked } from '../layers/shared-whiteout.js'
import { shownRoots } from '../layers/top-down.js'
import { type Traps, trapAt, trapsOf } from '../layers/traps.js'
import { AUFS_PREFIX, Whiteouts, type WrittenAs } from '../layers/whiteouts.js'
import { Workdir } from '../layers/workdir.js'
import {
  CAP_DAC_READ_SEARCH,
  O_DIRECTORY,
  RENAME_EXCHANGE,
  RENAME_WHITEOUT,
  S_IFCHR,
  S_IFDIR,
} from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { capable } from '../syscalls/privilege.js'
import { onNoRoom } from '../syscalls/room.js'
import { Stat } from '../syscalls/stat.js'
import type { DataBinding } from './answers.js'
import { cancelBringing } from './background-copy.js'
import { redirectsUnder, type UnionConfig } from './config.js'
import { dropAhead } from './copies-ahead.js'
import { DataFiles, shrinkKept } from './data.js'
import { dataWish } from './data-mode.js'
import { InodeNumbers } from './inode-numbers.js'
import { sweepIndex } from './link-counts.js'
import { DirState } from './node.js'
import { protectionOf } from './protection.js'
import { type Abilities, type LogFunction, Union, type Writable } from './union.js'

/** Descriptors kept of directories: at most, and as a part of those this process may have. */
const KEPT_DIRECTORIES = 2048
const KEPT_PART = 4
/** Descriptors left to what is opened for one operation, and to the index, the control socket and copies beside the loop. */
const FOR_THE_REST = 24
/** Descriptors kept of files' contents, likewise. */
const KEPT_FILES = 1024

const NOT_SHARED =
  'redirects and metacopies are off: marks are user.overlay.*, which anybody can make, and others may enter this mount'

/** The union described by `config`, or why it is refused. */
export function setUp(given: UnionConfig, binding: DataBinding, log: LogFunction): Union | Refusal {
  let config = given
  // Whoever only reads makes nothing in anybody's name, and may be a thread of somebody else's program.
  const engine = config.upper === null ? 0 : native.enterEngineThread()
  const lowers: Layer[] = []
  // Read-only, the upper is one more layer to read, and nothing is made in the workdir.
  const paths = config.readonly && config.upper !== null ? [config.upper, ...config.lowers] : config.lowers
  for (const [index, path] of paths.entries()) {
    const layer = openLower(path, index)
    if (layer instanceof Refusal) return layer
    lowers.push(layer)
  }
  const data = openData(config, paths.length)
  if (data instanceof Refusal) return data
  const cache = new DirCache(kept(KEPT_DIRECTORIES))
  const files = new DataFiles(kept(KEPT_FILES))
  const upper = openWritable(config, engine)
  if (upper instanceof Refusal) return upper
  const marks = new MarkStore(upper?.prefix ?? defaultPrefix(config.userxattr))
  config = { ...config, ...redirectsUnder(config, marks.prefix) }
  const whiteouts = new Whiteouts(cache, marks)
  const writable = upper?.writable ?? null
  whiteouts.shared = writable?.work.whiteout ?? null
  const all = upper === null ? lowers : [upper.writable.layer, ...lowers]
  const inodes = new InodeNumbers(all, capable(CAP_DAC_READ_SEARCH))
  const uids = rules(config.uidMapping, config.squashToUid, config.squashToRoot)
  const gids = rules(config.gidMapping, config.squashToGid, config.squashToRoot)
  const u = new Union(
    config,
    lowers,
    writable,
    cache,
    marks,
    whiteouts,
    inodes,
    binding,
    log,
    uids,
    gids,
    dataWish(config, [...all, ...data]),
    files,
    data,
    trapsFor(config, upper?.writable ?? null),
  )
  for (const layer of all) layer.override = findOverride(layer.rootFd, config.xattrPermissions)
  if (marks.prefix === USER_MARKS && config.userRedirects === 'shared') u.downgrade(NOT_SHARED)
  noteIdmapped(lowers, uids.ranges.length + gids.ranges.length > 0)
  if (writable !== null) prepareUpper(u, writable)
  makeRoot(u, upper?.writable.layer ?? null)
  u.stopMakingRoom = onNoRoom(() => giveUp(u))
  return u
}

/** The upper and the workdir are not entered from below. */
function trapsFor({ avoid = [] }: UnionConfig, writable: Writable | null): Traps {
  if (writable === null) return trapsOf(avoid)
  return [...trapsOf(avoid), ...trapAt(writable.layer.rootFd, ''), ...trapAt(writable.work.baseFd, '')]
}

/** The data-only layers, numbered on from `first`. */
function openData(config: UnionConfig, first: number): Layer[] | Refusal {
  const layers: Layer[] = []
  for (const [index, path] of (config.dataLowers ?? []).entries()) {
    const layer = openLower(path, first + index)
    if (layer instanceof Refusal) return layer
    layers.push(layer)
  }
  return layers
}

/** Notes which layers lie on idmapped mounts; `mappings`: this mount has some of its own, which are not for those. */
function noteIdmapped(lowers: readonly Layer[], mappings: boolean): void {
  for (const [at, isMapped] of idmappedAmong(lowers.map((layer) => layer.path)).entries()) {
    lowers[at]!.isMapped = isMapped
    lowers[at]!.idmapped = isMapped && mappings
  }
}

/** How many descriptors of a kind are kept: `most`, or a part of what this process may have and has not used. */
function kept(most: number): number {
  const limits = readFileSync('/proc/self/limits', 'latin1')
  const limit = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? KEPT_PART * most)
  const free = limit - readdirSync('/proc/self/fd').length - FOR_THE_REST
  return Math.min(most, Math.max(4, Math.floor(Math.min(limit / KEPT_PART, free / 2))))
}

function rules(ranges: IdRules['ranges'], squash: number | null, root: boolean): IdRules {
  return { ranges, squash: squash ?? (root ? 0 : null) }
}

interface OpenedUpper {
  readonly writable: Writable
  readonly prefix: string
}

function openWritable(config: UnionConfig, engine: number): OpenedUpper | Refusal | null {
  if (config.upper === null || config.work === null || config.readonly) return null
  const roots = openUpper(config.upper, config.work, config.noatime)
  if (roots instanceof Refusal) return roots
  const work = Workdir.open(roots.layer, roots.workFd, config.work, config.volatile)
  if (work instanceof Refusal) return work
  const fits = probeMount(work, roots.layer, config)
  if (fits !== null) return fits
  const prefix = probePrefix(work.fd, config.userxattr)
  const form = probeForm(work, prefix)
  if (form === null) return noWhiteouts(config.upper)
  const abilities: Abilities = {
    whiteouts: form,
    tmpfile: probeTmpfile(work),
    xattrs: prefix !== null,
    changeIds: (engine & 4) !== 0,
  }
  return {
    writable: { layer: roots.layer, work, abilities },
    prefix: prefix ?? (config.userxattr ? USER_MARKS : TRUSTED_MARKS),
  }
}

/** What is built in the workdir must be able to move into the upper: both on one mount. Nothing in the upper is touched. */
function probeMount(work: Workdir, upper: Layer, config: UnionConfig): Refusal | null {
  native.statat(upper.rootFd, '')
  const mount = native.stat[Stat.MOUNT_ID]
  const device = deviceOfStat()
  native.statat(work.fd, '')
  if (deviceOfStat() === device && native.stat[Stat.MOUNT_ID] === mount) return probeWritable(work, config)
  return new Refusal(
    `workdir ${config.work} and upperdir ${config.upper} are not on the same mount: put them beside each other`,
  )
}

function probeWritable(work: Workdir, config: UnionConfig): Refusal | null {
  const name = work.temporary()
  const made = native.mkdirat(work.fd, name, 0o700)
  if (made < 0) return new Refusal(`workdir ${config.work} is not writable (${errnoName(made)}): choose one that is`)
  work.discard(name)
  return null
}

/** The prefix under which marks can be set, or null where none can. */
function probePrefix(workFd: number, userxattr: boolean | null): string | null {
  const candidates = userxattr === null ? [TRUSTED_MARKS, USER_MARKS] : userxattr ? [USER_MARKS] : [TRUSTED_MARKS]
  for (const prefix of candidates) {
    const attribute = `${prefix}opaque`
    if (native.setxattr(workFd, '', attribute, Buffer.from('n'), 0) < 0) continue
    native.removexattr(workFd, '', attribute)
    return prefix
  }
  return null
}

function probeWhiteout(work: Workdir): boolean {
  const from = work.temporary()
  const to = work.temporary()
  let errno = native.mknodat(work.fd, from, S_IFCHR, 0, 0)
  if (errno >= 0) errno = native.renameat(work.fd, from, work.fd, to, RENAME_WHITEOUT)
  work.discard(from)
  work.discard(to)
  return errno >= 0
}

/** The first form of a whiteout that the filesystem takes; null where it takes none. */
function probeForm(work: Workdir, prefix: string | null): WrittenAs | null {
  if (probeWhiteout(work)) return 'device'
  const name = `${AUFS_PREFIX}${work.temporary()}`
  const file = work.createFile(name)
  if (file >= 0) {
    native.close(file)
    native.unlinkat(work.fd, name, 0)
    return 'aufs'
  }
  return prefix !== null && probeMarked(work, new MarkStore(prefix)) ? 'xattr' : null
}

/** Whether marked files can be made and exchanged for what they hide. */
function probeMarked(work: Workdir, marks: MarkStore): boolean {
  const [one, two] = [work.temporary(), work.temporary()]
  const made = makeMarked(work.fd, one, marks) >= 0 && native.mkdirat(work.fd, two, 0o700) >= 0
  const swapped = made && native.renameat(work.fd, one, work.fd, two, RENAME_EXCHANGE) >= 0
  work.discard(one)
  work.discard(two)
  return swapped
}

function noWhiteouts(upper: string): Refusal {
  return new Refusal(
    `upperdir ${upper} can hold no whiteouts: its filesystem refuses devices 0:0, names that begin with .wh., and ` +
      `extended attributes with RENAME_EXCHANGE; put upperdir and workdir on another filesystem`,
  )
}

/** Whether files can be made without a name, and be given one. */
function probeTmpfile(work: Workdir): boolean {
  const fd = work.createFile('')
  if (fd < 0) return false
  const name = work.temporary()
  const errno = native.linkat(fd, '', work.fd, name)
  native.close(fd)
  if (errno >= 0) work.discard(name)
  return errno >= 0
}

/** Says what the upper cannot do, and opens what depends on it. */
function prepareUpper(u: Union, writable: Writable): void {
  u.whiteouts.writtenAs = writable.abilities.whiteouts
  if (u.whiteouts.writtenAs === 'xattr') {
    writable.work.whiteout.marks = u.marks
    u.downgrade(
      'upper cannot hold whiteout devices, nor names .wh.NAME: whiteouts are written as files with an attribute',
    )
  }
  if (u.whiteouts.writeAufs) u.downgrade('upper cannot hold whiteout devices: whiteouts are written as .wh.NAME')
  if (!writable.abilities.xattrs)
    u.downgrade('upper has no extended attributes: directory rename, metacopy and origin are off')
  if (!writable.abilities.tmpfile) u.downgrade('upper has no O_TMPFILE')
  if (u.config.xattrPermissions !== 0)
    writable.layer.override ??= overrideNames[u.config.xattrPermissions === 1 ? 2 : 0]
  const lower = u.lowers[0]!
  const handles = writable.abilities.xattrs && originMark(lower.rootFd, '', lower.root) !== null
  if (!handles || !writable.work.openIndex()) {
    u.downgrade('lower file handles cannot be kept: hard links of lower layers stay together only until the next mount')
  } else sweepIndex(u)
}

function makeRoot(u: Union, upper: Layer | null): void {
  const dir = new DirState(upper?.root ?? null, shownRoots(u, upper?.root ?? null))
  const marks = upper === null ? null : u.marks.read(upper.rootFd, '')
  dir.impure = typeof marks === 'number' || (marks?.impure ?? false)
  native.statat(upper?.rootFd ?? u.lowers[0]!.rootFd, '')
  u.root = u.nodes.create(S_IFDIR, u.inodes.ofStat(native.stat), dir)
  u.root.protection = protectionOf(native.stat, typeof marks === 'number' || marks === null ? noMarks : marks)
  u.root.nlookup = 1
}

/** Files made ahead hold two descriptors each, and are worth least. */
function giveUp(u: Union): boolean {
  const ahead = u.ahead.made.size > 0
  dropAhead(u)
  return shrinkKept(u) || ahead
}

/** Ends the union: what was written is on disk, every descriptor closed. */
export function tearDown(u: Union): void {
  u.stopMakingRoom()
  cancelBringing(u)
  dropAhead(u)
  native.stopWarming()
  for (const node of u.nodes.values()) {
    if (node.dataFd >= 0) native.close(node.dataFd)
    if (node.pin >= 0) native.close(node.pin)
  }
  native.settleClosing()
  u.cache.close()
  if (u.writable !== null) {
    const { layer, work } = u.writable
    const fd = native.openat(layer.rootFd, '.', O_DIRECTORY, 0)
    if (fd >= 0 && (u.config.volatile || u.config.fsync) && native.syncfs(fd) >= 0 && u.config.volatile)
      work.clearVolatile()
    if (fd >= 0) native.close(fd)
    work.close()
    layer.close()
  }
  for (const layer of [...u.lowers, ...u.dataLayers]) layer.close()
}
