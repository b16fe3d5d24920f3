/**
 * Freezing the upper: it becomes the topmost lower layer, and an empty one takes its place. One rename, which exchanges
 * the two directories, is the commit point; before it nothing has changed for anybody, after it nothing may fail. It
 * takes as long for a large upper as for a small one. What is in memory finds out by itself (DirState, Node.inUpper):
 * a layer that was the upper says that it is none any more.
 */
import { errnoWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import type { Layer } from '../../layers/layer-dir.js'
import { upperMark } from '../../layers/origin-mark.js'
import { trapAt } from '../../layers/traps.js'
import { removeTree, SNAPSHOTS } from '../../layers/workdir.js'
import {
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_RDONLY,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_WRONLY,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
} from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'
import { leaveIndex } from '../context/leave-index.js'
import { statNode, type Union } from '../context/union.js'
import { cancelBringing } from '../copy-up/background-copy.js'
import { setTimes } from '../copy-up/set-times.js'
import { dropContentFd } from '../data/content-fd.js'
import { placeFile } from '../lookup/lookup.js'
import { pathOfNode } from '../nodes/node-path.js'
import { buildFreshUpper, type FreshUpper } from './fresh-upper.js'
import { bringUpHardLinks } from './hard-links.js'
import { openPlaces, type Places } from './places.js'
import { copyWritten, findLostNames, type WrittenFile, writtenFiles } from './written-files.js'

/** What came of it. */
export interface Frozen {
  /** Files that were open for writing: their inodes stay in the present, the snapshot has copies. Latin1. */
  readonly copied: readonly string[]
  /** A copy could not be put in its place: the next mount does that, by the journal. */
  readonly unfinished: boolean
  /** For how long nothing else was served. */
  readonly milliseconds: number
}

const LOWER_ATTRIBUTES = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME | MOUNT_ATTR_NODEV

/** Freezes the upper as the snapshot `id`, `name`; or says why not, with nothing changed. */
export function freeze(u: Union, id: number, name: string): Frozen | StratafsError {
  if (u.writable === null) return new StratafsError('the mount is read-only')
  if (!u.writable.capabilities.xattrs)
    return new StratafsError('the filesystem of upperdir has no extended attributes, which snapshots need')
  const begun = performance.now()
  const places = openPlaces(u)
  if (places instanceof StratafsError) return places
  u.limit?.freezing()
  try {
    const copied = freezeIn(u, places, id, name)
    if (copied instanceof StratafsError) return copied
    const unfinished = native.statat(places.store, keptName(id)) >= 0
    return { copied, unfinished, milliseconds: performance.now() - begun }
  } finally {
    u.limit?.frozen([])
    places.close()
  }
}

function freezeIn(u: Union, places: Places, id: number, name: string): string[] | StratafsError {
  u.cache.beginOperation()
  u.nodes.makeWaiting(false)
  const unlinked = bringUpHardLinks(u)
  if (unlinked !== null) return unlinked
  // Content that comes in place would come into the snapshot. Who waits for it begins anew.
  cancelBringing(u)
  const lost = findLostNames(u)
  if (lost < 0) return new StratafsError(`names of files that are open cannot be found: ${errnoWords(lost)}`)
  const files = writtenFiles(u)
  if (files instanceof StratafsError) return files
  const kept = files.length === 0 ? -1 : openKept(places, id)
  if (files.length > 0 && kept < 0) return new StratafsError(`copies cannot be made: ${errnoWords(kept)}`)
  const done = copyAndExchange(u, places, { files, kept, id, name })
  if (kept >= 0) native.close(kept)
  if (!(done instanceof StratafsError) || kept < 0) return done
  removeTree(places.store, keptName(id))
  return done
}

interface Step {
  readonly files: readonly WrittenFile[]
  /** The directory of their copies, or -1. */
  readonly kept: number
  readonly id: number
  readonly name: string
}

/** Where the copies wait until they stand in the snapshot, with the list of where that is. */
function keptName(id: number): string {
  return `kept-${id}`
}
const KEPT_LIST = 'files.json'

function openKept({ store }: Places, id: number): number {
  removeTree(store, keptName(id))
  const made = native.mkdirat(store, keptName(id), 0o700)
  return made < 0 ? made : native.openat(store, keptName(id), O_PATH | O_DIRECTORY | O_NOFOLLOW, 0)
}

function copyAndExchange(u: Union, places: Places, step: Step): string[] | StratafsError {
  const { files, kept, id } = step
  const fresh = buildFreshUpper(u, files, id)
  if (fresh instanceof StratafsError) return fresh
  const uncopied = files.length === 0 ? null : (copyWritten(u, files, kept) ?? noteKept(u, files, kept))
  const errno = uncopied === null ? exchange(u, places, fresh, id) : 0
  if (uncopied === null && errno >= 0) {
    publish(u, places, fresh, step)
    return files.map(({ node }) => pathOfNode(node))
  }
  u.cache.releaseAll(fresh.layer)
  fresh.layer.close()
  u.writable!.work.discard(fresh.temporary)
  return uncopied ?? notExchanged(u, errno)
}

function notExchanged(u: Union, errno: number): StratafsError {
  return new StratafsError(
    `upperdir ${u.writable!.layer.path} cannot be exchanged for a new one: ${errnoWords(errno)}`,
    'FAILED',
    'the directory that holds it must be writable, and its filesystem must know RENAME_EXCHANGE',
  )
}

/** For whoever finds them after a crash: paths from the snapshot's root. */
function noteKept(u: Union, files: readonly WrittenFile[], kept: number): StratafsError | null {
  const pathOf = ({ dir, name }: WrittenFile['names'][0]): string => [dir.path(), name].filter(Boolean).join('/')
  const list = files.map(({ names, copy }) => ({ paths: names.map(pathOf), copy }))
  const bytes = Buffer.from(JSON.stringify(list), 'latin1')
  const fd = native.openat(kept, KEPT_LIST, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600)
  if (fd < 0) return new StratafsError(`copies cannot be noted: ${errnoWords(fd)}`)
  let errno = native.pwrite(fd, bytes, 0, bytes.length, 0)
  if (errno >= 0 && u.syncs) errno = native.fsync(fd)
  native.close(fd)
  return errno < 0 ? new StratafsError(`copies cannot be noted: ${errnoWords(errno)}`) : null
}

/** The commit point: the new upper, put where the snapshot will be, changes places with the last one. */
function exchange(u: Union, places: Places, fresh: FreshUpper, id: number): number {
  const { work } = u.writable!
  // Whose index it is, is noted anew: by us, or by the next mount.
  if (work.index !== null) u.marks.remove(work.index.fd, '', 'upper')
  const place = String(id)
  let errno = native.renameat(work.fd, fresh.temporary, places.store, place, RENAME_NOREPLACE)
  if (errno < 0) return errno
  errno = native.renameat(places.store, place, places.parent, places.name, RENAME_EXCHANGE)
  if (errno < 0) native.renameat(places.store, place, work.fd, fresh.temporary, RENAME_NOREPLACE)
  return errno
}

/** Memory follows, then the snapshot gets its copies. */
function publish(u: Union, places: Places, fresh: FreshUpper, step: Step): void {
  const last = u.writable!.layer
  const dirs = [...new Set(step.files.flatMap(({ names }) => names.map(({ dir }) => dir)))]
  u.cache.releaseAll(last)
  if (replaceKept(u, step, dirs)) removeTree(places.store, keptName(step.id))
  u.cache.releaseAll(last)
  sink(u, places, last, step)
  adopt(u, fresh, step.files)
  u.limit?.frozen(fresh.parts.values())
  dropWriters(u)
  const { ledger } = u.nodes
  if (ledger !== null) for (const node of u.nodes.values()) if (node.backing > 0) ledger.sunk(node)
  countLinks(u, last)
  u.binding.forgetAttributes(u.root.id)
}

/** In the snapshot copies take the places of files that are written to, which were links of one inode until now. */
function replaceKept(u: Union, { files, kept }: Step, dirs: readonly Files[]): boolean {
  let done = true
  const times = new Map<Files, Float64Array>()
  for (const dir of dirs) if (native.statat(fdOf(u, dir), '') >= 0) times.set(dir, native.stat.slice())
  for (const { names, copy, node } of files) {
    const errno = replaceNames(u, kept, copy, names)
    if (errno < 0) u.log('error', 'the copy of a file in a snapshot comes with the next mount', { errno })
    done &&= errno >= 0
    u.binding.forgetAttributes(node.id)
  }
  for (const [dir, stat] of times) setTimes(fdOf(u, dir), '', stat)
  return done
}

type Files = WrittenFile['names'][0]['dir']

/** The copy takes all of the names, its own first one last: until then it is done again after a crash. */
function replaceNames(u: Union, kept: number, copy: string, names: WrittenFile['names']): number {
  const [first, ...others] = names
  for (const { dir, name } of others) {
    let errno = native.linkat(kept, copy, kept, `${copy}.link`)
    if (errno >= 0) errno = native.renameat(kept, `${copy}.link`, fdOf(u, dir), name, 0)
    if (errno < 0) return errno
  }
  return native.renameat(kept, copy, fdOf(u, first.dir), first.name, 0)
}

function fdOf(u: Union, dir: Files): number {
  u.cache.beginOperation()
  return u.cache.fd(dir)
}

/** The last upper is the topmost lower layer. */
function sink(u: Union, { store }: Places, last: Layer, { id, name }: Step): void {
  forgetIndex(u)
  for (const layer of [...u.lowers, ...u.dataLayers]) layer.position++
  const path = `${u.config.work}/${SNAPSHOTS}/${id}`
  const fd = native.openat(store, String(id), O_PATH | O_DIRECTORY | O_NOFOLLOW, 0)
  const clone = native.cloneMount(`/proc/self/fd/${fd}`, LOWER_ATTRIBUTES)
  last.freeze(path, clone < 0 ? fd : clone, clone >= 0)
  if (clone >= 0) native.close(fd)
  u.lowers = [last, ...u.lowers]
  const { lowers, layerNames = [], snapshots = 0 } = u.config
  u.config = {
    ...u.config,
    lowers: [path, ...lowers],
    layerNames: [name, ...layerNames],
    snapshots: snapshots + 1,
  }
}

/** The owner index knows the layers by their places in the stack: from now on each is asked. */
function forgetIndex(u: Union): void {
  if (u.lowerIndex === null) return
  // Of one layer alone nothing is put together by it.
  if (u.lowers.length > 1)
    for (const node of u.nodes.values()) if (node.dir !== null) node.dir.lowers = [...node.dir.lowers]
  leaveIndex(u)
}

function adopt(u: Union, fresh: FreshUpper, files: readonly WrittenFile[]): void {
  const { work, capabilities } = u.writable!
  u.writable = { layer: fresh.layer, work, capabilities }
  u.inodes.useLayers([fresh.layer, ...u.lowers])
  u.traps = [...u.traps, ...trapAt(fresh.layer.rootFd, '')]
  work.serve(fresh.layer)
  for (const [node, part] of fresh.parts) node.dir!.upper = part
  for (const { node, names } of files) placeFile(node, names[0].parent.dir!.upper!, names[0].name)
  const own = work.index === null ? null : upperMark(fresh.layer.rootFd, '', fresh.layer.root)
  if (own !== null) u.marks.set(work.index!.fd, '', 'upper', own)
}

/** What is open for writing in the snapshot is opened anew by the next who writes, copied up first. */
function dropWriters(u: Union): void {
  for (const node of [...u.files.nodes]) if (node.dataWritable && !node.inUpper) dropContentFd(u, node)
}

/** Of files with several names the union counts them, as of any lower file's. */
function countLinks(u: Union, last: Layer): void {
  for (const [, node] of u.nodes.linked()) {
    if (node.inodeDir?.layer !== last || node.links !== null) continue
    u.cache.beginOperation()
    if (statNode(u, node) >= 0 && native.stat[Stat.NLINK]! > 1) node.links = { nlink: native.stat[Stat.NLINK]! }
  }
}
