/**
 * Putting a union together: layers opened, the upper's filesystem tried out, the workdir swept, the root node made. What
 * cannot be had is either refused with a sentence for the person who mounts, or done without and said aloud, once.
 */
import { readFileSync } from 'node:fs'
import { errnoName } from '../base/errno.js'
import { idmappedAmong } from '../layers/idmapped.js'
import { deviceOfStat, type Layer, openLower, openUpper, Refusal } from '../layers/layer.js'
import { defaultPrefix, MarkStore, TRUSTED_MARKS, USER_MARKS } from '../layers/marks.js'
import { originMark } from '../layers/origin-mark.js'
import { type IdRules, overrideNames } from '../layers/ownership.js'
import { DirCache } from '../layers/real-dir.js'
import { shownRoots } from '../layers/top-down.js'
import { type Traps, trapAt, trapsOf } from '../layers/traps.js'
import { Whiteouts } from '../layers/whiteouts.js'
import { Workdir } from '../layers/workdir.js'
import { CAP_DAC_READ_SEARCH, O_DIRECTORY, RENAME_WHITEOUT, S_IFCHR, S_IFDIR } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { capable } from '../syscalls/privilege.js'
import { Stat } from '../syscalls/stat.js'
import type { DataBinding } from './answers.js'
import { cancelBringing } from './background-copy.js'
import type { UnionConfig } from './config.js'
import { dropAhead } from './copies-ahead.js'
import { DataFiles } from './data.js'
import { dataWish } from './data-mode.js'
import { InodeNumbers } from './inode-numbers.js'
import { sweepIndex } from './link-counts.js'
import { DirState } from './node.js'
import { type Abilities, type LogFunction, Union, type Writable } from './union.js'

/** Descriptors kept of directories: at most, and as a part of those this process may have. */
const KEPT_DIRECTORIES = 2048
const KEPT_PART = 4
/** Descriptors kept of files' contents, likewise. */
const KEPT_FILES = 1024

/** The union described by `config`, or why it is refused. */
export function setUp(config: UnionConfig, binding: DataBinding, log: LogFunction): Union | Refusal {
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
  for (const layer of all) layer.override = findOverride(layer)
  noteIdmapped(lowers, uids.ranges.length + gids.ranges.length > 0)
  if (writable !== null) prepareUpper(u, writable)
  makeRoot(u, upper?.writable.layer ?? null)
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

/** How many descriptors of a kind are kept: `most`, or a part of what this process may have. */
function kept(most: number): number {
  const limits = readFileSync('/proc/self/limits', 'latin1')
  const limit = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? KEPT_PART * most)
  return Math.min(most, Math.max(16, Math.floor(limit / KEPT_PART)))
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
  const abilities: Abilities = {
    renameWhiteout: probeWhiteout(work),
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
  u.whiteouts.writeAufs = !writable.abilities.renameWhiteout
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

/** The attribute that the layer's root shows overridden owners with, or null. */
function findOverride(layer: Layer): string | null {
  for (const name of overrideNames) if (typeof native.getxattr(layer.rootFd, '', name) !== 'number') return name
  return null
}

function makeRoot(u: Union, upper: Layer | null): void {
  const dir = new DirState(upper?.root ?? null, shownRoots(u, upper?.root ?? null))
  const marks = upper === null ? null : u.marks.read(upper.rootFd, '')
  dir.impure = typeof marks === 'number' || (marks?.impure ?? false)
  native.statat(upper?.rootFd ?? u.lowers[0]!.rootFd, '')
  u.root = u.nodes.create(S_IFDIR, u.inodes.ofStat(native.stat), dir)
  u.root.nlookup = 1
}

/** Ends the union: what was written is on disk, every descriptor closed. */
export function tearDown(u: Union): void {
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
