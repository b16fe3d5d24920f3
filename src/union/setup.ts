/**
 * Putting a union together: layers opened, the upper's filesystem tried out, the workdir swept, the root node made.
 * What cannot be had is either refused with a sentence for the person who mounts, or done without and said aloud, once.
 */
import { StratafsError } from '../base/failure.js'
import { type IdMapping, overrideNames } from '../layers/id-mapping.js'
import { idmappedAmong } from '../layers/idmapped.js'
import { openLower } from '../layers/layer.js'
import { type Layer, snapshotNumber } from '../layers/layer-dir.js'
import { defaultPrefix, MarkStore, noMarks, USER_MARKS } from '../layers/marks.js'
import { originMark } from '../layers/origin-mark.js'
import { findOverride } from '../layers/override-trust.js'
import { DirCache } from '../layers/real-dir.js'
import { type Traps, trapAt, trapsOf } from '../layers/traps.js'
import { Whiteouts } from '../layers/whiteouts.js'
import { shownRoots } from '../stack/search.js'
import { CAP_DAC_READ_SEARCH, O_DIRECTORY, S_IFDIR } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { withFd } from '../syscalls/owned-fd.js'
import { capable } from '../syscalls/privilege.js'
import { descriptorsToKeep, onNoRoom, scarceFrom } from '../syscalls/room.js'
import { redirectsUnder, type UnionConfig } from './context/config.js'
import { ContentFds } from './context/content-fds.js'
import { dataWish } from './context/data-mode.js'
import { protectionOf } from './context/protection.js'
import type { DataBinding } from './context/results.js'
import { type LogFunction, Union, type Writable } from './context/union.js'
import { cancelBringing } from './copy-up/background-copy.js'
import { finishFilling } from './copy-up/filling.js'
import { dropAhead } from './copy-up/prefetch.js'
import { shrinkKept } from './data/content-fd.js'
import { UpperUsage } from './limit/upper-usage.js'
import { removeUsage, UNKNOWN_USAGE, UsageFile } from './limit/usage-file.js'
import { sweepIndex } from './lookup/link-counts.js'
import { inParts } from './nodes/in-parts.js'
import { InodeNumbers } from './nodes/inode-numbers.js'
import { DirState, type Node } from './nodes/node.js'
import { checkPairing } from './pairing.js'
import { openWritable } from './probe-upper.js'
import { prefetchSearch } from './read-ahead/walk.js'

/** Descriptors kept of directories: at most, and as a part of those this process may have. */
const KEPT_DIRECTORIES = 2048
const KEPT_PART = 4
const SCARCE_PART = 2
/** Descriptors kept of files' contents, likewise. */
const KEPT_FILES = 1024

const NOT_SHARED =
  'redirects and metacopies are off: marks are user.overlay.*, which anybody can make, and others may enter this mount'

/** The union described by `config`, or why it is refused. `counted`: somebody keeps count of the upper already. */
export function setUp(
  given: UnionConfig,
  binding: DataBinding,
  log: LogFunction,
  counted = false,
): Union | StratafsError {
  let config = given
  // A reader creates nothing for a user, and may be a thread of another program: it keeps its identity.
  const engine = config.upper === null ? 0 : native.enterEngineThread()
  const lowers: Layer[] = []
  // Read-only, the upper is one more layer to read, and nothing is made in the workdir.
  const paths = config.readonly && config.upper !== null ? [config.upper, ...config.lowers] : config.lowers
  for (const [index, path] of paths.entries()) {
    const layer = openLower(path, index)
    if (layer instanceof StratafsError) return layer
    const first = paths.length - config.lowers.length
    layer.isSnapshot = index >= first && index - first < (config.snapshots ?? 0)
    lowers.push(layer)
  }
  const data = openData(config, paths.length)
  if (data instanceof StratafsError) return data
  numberLayers(config, [...lowers, ...data])
  const scarce = scarceFrom(SCARCE_PART)
  const cache = new DirCache(descriptorsToKeep(KEPT_DIRECTORIES, KEPT_PART), false, scarce)
  const files = new ContentFds(descriptorsToKeep(KEPT_FILES, KEPT_PART), scarce)
  const upper = openWritable(config, engine)
  if (upper instanceof StratafsError) return upper
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
  u.searching = (lowers, at, name) => prefetchSearch(u, lowers, at, name)
  for (const layer of all) layer.override = findOverride(layer.rootFd, config.xattrPermissions)
  if (marks.prefix === USER_MARKS && config.userRedirects === 'shared') u.degrade(NOT_SHARED)
  noteIdmapped(lowers, uids.ranges.length + gids.ranges.length > 0)
  const unfit = writable === null ? null : prepareUpper(u, writable)
  if (unfit !== null) return unfit
  makeRoot(u, upper?.writable.layer ?? null)
  u.stopMakingRoom = onNoRoom(() => giveUp(u))
  if (writable !== null && !counted) limitUpper(u, writable)
  return u
}

function limitUpper(u: Union, writable: Writable): void {
  const { limit, writeback } = u.config
  if (!limit) return removeUsage(writable.work)
  if (writeback) u.degrade('writeback=1 is off: with a limit a write is refused when it is made')
  const file = UsageFile.open(writable.work)
  const kept = typeof file === 'number' ? null : file
  const usage = new UpperUsage(u, kept, limit.size, limit.inodes)
  usage.know(kept?.read(writable.work.stamp) ?? UNKNOWN_USAGE)
  u.limit = usage
}

/** The upper and the workdir are not entered from below. */
function trapsFor({ avoid = [] }: UnionConfig, writable: Writable | null): Traps {
  if (writable === null) return trapsOf(avoid)
  return [...trapsOf(avoid), ...trapAt(writable.layer.rootFd, ''), ...trapAt(writable.work.baseFd, '')]
}

/** Of an upper that is read above snapshots of its. */
const READ_UPPER = -2

/** Numbers that stay, whatever snapshots come and go above. */
function numberLayers({ snapshots = 0, layerNumbers }: UnionConfig, layers: readonly Layer[]): void {
  for (const layer of layers) {
    const at = layer.position - snapshots
    layer.number = layer.isSnapshot ? snapshotNumber(layer.path) : (layerNumbers?.[at] ?? (at < 0 ? READ_UPPER : at))
  }
}

/** The data-only layers, numbered on from `first`. */
function openData(config: UnionConfig, first: number): Layer[] | StratafsError {
  const layers: Layer[] = []
  for (const [index, path] of (config.dataLowers ?? []).entries()) {
    const layer = openLower(path, first + index)
    if (layer instanceof StratafsError) return layer
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

function rules(ranges: IdMapping['ranges'], squash: number | null, root: boolean): IdMapping {
  return { ranges, squash: squash ?? (root ? 0 : null) }
}

/** Says what the upper cannot do, and opens what depends on it; why it does not fit the lowers, or null. */
function prepareUpper(u: Union, writable: Writable): StratafsError | null {
  u.whiteouts.writtenAs = writable.capabilities.whiteouts
  if (u.whiteouts.writtenAs === 'xattr') {
    writable.work.whiteout.marks = u.marks
    u.degrade(
      'upper cannot hold whiteout devices, nor names .wh.NAME: whiteouts are written as files with an attribute',
    )
  }
  if (u.whiteouts.writeAufs) u.degrade('upper cannot hold whiteout devices: whiteouts are written as .wh.NAME')
  if (!writable.capabilities.xattrs)
    u.degrade('upper has no extended attributes: directory rename, metacopy and origin are off')
  if (!writable.capabilities.tmpfile) u.degrade('upper has no O_TMPFILE')
  if (u.config.xattrPermissions !== 0)
    writable.layer.override ??= overrideNames[u.config.xattrPermissions === 1 ? 2 : 0]
  const lower = u.lowers[0]!
  const handles = writable.capabilities.xattrs && originMark(lower.rootFd, '', lower.root) !== null
  if (!handles || !writable.work.openIndex()) {
    u.degrade('lower file handles cannot be kept: hard links of lower layers stay together only until the next mount')
    return null
  }
  const unfit = checkPairing(u, writable)
  if (unfit === null && writable.work.index !== null) sweepIndex(u)
  return unfit
}

function makeRoot(u: Union, upper: Layer | null): void {
  const dir = new DirState(upper?.root ?? null, shownRoots(u, upper?.root ?? null))
  const marks = upper === null ? null : u.marks.read(upper.rootFd, '')
  const kept = typeof marks === 'number' ? null : (marks?.inode ?? null)
  dir.impure = typeof marks === 'number' || (marks?.impure ?? false)
  native.statat(upper?.rootFd ?? u.lowers[0]!.rootFd, '')
  u.root = u.nodes.create(S_IFDIR, kept ?? u.inodes.ofStat(native.stat), dir)
  u.root.protection = protectionOf(native.stat, typeof marks === 'number' || marks === null ? noMarks : marks)
  u.root.nlookup = 1
}

/** Files made ahead hold two descriptors each, and are worth least. */
function giveUp(u: Union): boolean {
  const ahead = u.ahead.prefetched.size > 0
  dropAhead(u)
  return shrinkKept(u) || ahead
}

/** Whether a union that ends brings its upper to the disk, finds it there already, or leaves it. */
type AtEnd = 'syncs' | 'is synced' | 'leaves'

/** Ends the union: what was written is on disk (`isSynced`: already), every descriptor closed. */
export function tearDown(u: Union, isSynced: boolean): void {
  const isWhole = isSynced && u.filling.size === 0
  const parts = tearDownInParts(u, isWhole ? 'is synced' : 'syncs')
  while (!parts.next().done);
  u.nodes.ledger?.slots.close()
}

/** So, a part with each step: a mount may have a million nodes. */
export function* tearDownInParts(u: Union, atEnd: AtEnd): Generator<void> {
  u.stopMakingRoom()
  finishFilling(u)
  cancelBringing(u)
  dropAhead(u)
  u.limit?.end(u)
  native.stopWarming()
  for (const node of inParts(u.nodes.values())) {
    if (node === null) yield
    else closeFds(u, node)
  }
  native.settleClosing()
  u.cache.discardAll()
  while (u.cache.closeSome()) yield
  if (u.writable !== null) {
    const { layer, work } = u.writable
    const { fsync, volatile } = u.config
    const isOnDisk = atEnd === 'is synced' || (atEnd === 'syncs' && (volatile || fsync) && sync(layer) >= 0)
    if (isOnDisk && volatile) work.clearVolatile()
    work.close()
    layer.close()
  }
  for (const layer of [...u.lowers, ...u.dataLayers]) layer.close()
}

function sync({ rootFd }: Layer): number {
  return withFd(native.openat(rootFd, '.', O_DIRECTORY, 0), (fd) => native.syncfs(fd))
}

function closeFds(u: Union, { contentFd, unlinkedFd }: Node): void {
  if (contentFd >= 0) native.close(contentFd)
  if (unlinkedFd < 0) return
  u.limit?.freed(unlinkedFd)
  native.close(unlinkedFd)
}
