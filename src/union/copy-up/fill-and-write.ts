/**
 * The beginning of a copy-up that goes on while the file is written to. Who opens or writes a large lower file does not
 * wait for all of it to be copied: a new file of its size is made at once, with all its attributes, and takes what is
 * written. What has not been written comes from the lower file, to readers as to the thread that copies it.
 *
 * A filesystem with reflinks has it all at once. Some files are copied the old way, whole before the first write: hard
 * links, protected files, and those with set-id bits or capabilities, which a write by the copier would clear.
 */
import { Errno } from '../../base/errno.js'
import type { LayerDir } from '../../layers/layer-dir.js'
import { O_PATH, S_IFREG, S_SETID, UTIME_OMIT, XATTR_CAPABILITY } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { FsStatSlot, Stat } from '../../syscalls/stat.js'
import type { Union } from '../context/union.js'
import { splitNodeid } from '../data/backing.js'
import { rebindData } from '../data/content-fd.js'
import type { Node } from '../nodes/node.js'
import type { PendingCopy } from '../nodes/pending-copy.js'
import { copyAttributes, type Job } from './build.js'
import { openSource, type Source } from './content.js'
import { bringUp, commit, copyUp, start } from './copy-up.js'
import { fillName, fitsNote, mapName, startFill, takeOn, writeFillNote } from './kept-fill.js'

/** Files of this size and more. Smaller ones are there as soon, and the kernel can then be handed the file itself. */
const LARGE = 64 << 20
/** The map of what is there is in memory, a bit for 4 KiB. */
const LARGEST = 2 ** 40
/** So many at once; further ones are waited for. */
const MOST = 16
/** Room that is left when all of it has come. */
const SPARE = 1 << 20

/** Nothing was done: it is copied the old way. */
const NOT_BEGUN = 1

/**
 * As `copyUp`, for who changes only the file itself and does not need it in its place: its content, attributes, size. A
 * large file is written to while it is copied, and `node` is not an upper one yet then.
 */
export function copyUpForChange(u: Union, node: Node, size = -1, metadata = false): number {
  if (node.filling !== null) {
    if (metadata) native.fillTouch(node.filling.target, 0, UTIME_OMIT)
    return 0
  }
  if (metadata || !isCandidate(u, node, size)) return copyUp(u, node, size, metadata)
  const begun = begin(u, node, size)
  return begun === NOT_BEGUN ? copyUp(u, node, size) : begun
}

function isCandidate(u: Union, node: Node, size: number): boolean {
  if (u.writable === null || node.isUpper || node.type !== S_IFREG || node.pendingCopy !== null) return false
  // Whether a copy fits is known before the first write, where somebody counts.
  if (u.config.wholeFirst === true || u.limit?.isBounded) return false
  const length = size < 0 ? node.size : Math.min(size, node.size)
  if (length < LARGE || length > LARGEST) return false
  const isPlain = node.links === null && node.protection === 0 && !node.removed && node.parent !== null
  return isPlain && u.filling.size < MOST && u.binding.wakeFd >= 0
}

/** 0, NOT_BEGUN, or -errno. */
function begin(u: Union, node: Node, size: number): number {
  const above = copyUp(u, node.parent!)
  if (above < 0) return above
  const started = start(u, node, -1, false, null)
  if (typeof started === 'number') return started
  // Who goes on after this process finds it by its name.
  const job = u.nodes.ledger === null ? started : { ...started, temporary: fillName(node) }
  if ((job.stat[Stat.MODE]! & S_SETID) !== 0 || hasCapabilities(job)) return NOT_BEGUN
  const source = openSource(u, node, size)
  if (typeof source === 'number') return source
  const { fd, length } = source
  const begun = length < LARGE || !hasRoom(job, source) ? NOT_BEGUN : makeTarget(job, source)
  native.close(fd)
  return begun
}

function hasCapabilities(job: Job): boolean {
  return typeof native.getxattr(job.from, job.fromName, XATTR_CAPABILITY) !== 'number'
}

/** Where there is not, the one who opens it is told so. */
function hasRoom(job: Job, { fd, length }: Source): boolean {
  if (native.statat(fd, '') < 0) return false
  const needed = Math.min(native.stat[Stat.BLOCKS]! * 512, length)
  if (native.statfs(job.writable.work.fd) < 0) return false
  return native.fsstat[FsStatSlot.BAVAIL]! * native.fsstat[FsStatSlot.FRSIZE]! > needed + SPARE
}

function makeTarget(job: Job, source: Source): number {
  const { work } = job.writable
  const target = work.createFile(job.temporary)
  if (target < 0) return target
  if (native.cloneContent(source.fd, target) >= 0) return useClone(job, source, target)
  job.file = target
  let errno = native.ftruncate(target, source.length)
  if (errno >= 0) errno = copyAttributes(job, target, '')
  if (errno >= 0) errno = publish(job, source)
  if (errno < 0 || errno === NOT_BEGUN) {
    native.close(target)
    if (job.temporary !== '') work.discard(job.temporary)
  }
  return errno
}

/** All of it is there: the rest is a copy-up like others. */
function useClone(job: Job, { length, isAll }: Source, target: number): number {
  const { u, node, temporary } = job
  const cut = isAll ? 0 : native.ftruncate(target, length)
  const nothing = { id: 0, source: -1, stat: null, capabilities: null }
  const brought: PendingCopy = { ...nothing, target, temporary, length, isAll }
  const errno = cut < 0 ? cut : bringUp(u, node, isAll ? -1 : length, false, brought)
  if (cut < 0) native.close(target)
  return errno < 0 ? errno : rebindData(u, node)
}

/** The copier runs, and whoever has the file open sees the new one. */
function publish(job: Job, source: Source): number {
  const { u, node, file: target } = job
  const pin = native.openat(target, '', O_PATH, 0)
  if (pin < 0) return pin
  const keep = u.nodes.ledger === null ? -1 : openMap(job)
  const begun = u.nodes.ledger !== null && keep < 0 ? keep : startFill(u, source, target, keep, false)
  if (begun < 0) {
    native.close(pin)
    if (keep >= 0) native.close(keep)
    job.writable.work.discard(mapName(job.temporary))
    return NOT_BEGUN
  }
  const [from, name] = node.contentDir === null ? [node.inodeDir!, node.inodeName] : [node.contentDir, node.contentName]
  splitNodeid(u, node, from, name)
  if (keep >= 0) noteFill(node, from, name, source.length, keep)
  takeOn(u, node, { target, temporary: job.temporary, commit: () => commit(job), stopped: 0 }, pin)
  return 0
}

/** -ENAMETOOLONG: where its rest comes from cannot be noted. */
function openMap({ node, writable, temporary }: Job): number {
  const from = node.contentDir ?? node.inodeDir!
  const isNotable = fitsNote(from.path().length + 256)
  return isNotable ? writable.work.createFile(mapName(temporary)) : -Errno.ENAMETOOLONG
}

function noteFill(node: Node, from: LayerDir, name: string, size: number, keep: number): void {
  const path = [from.path(), name].filter(Boolean).join('/')
  writeFillNote(keep, { node: node.id, size, layer: from.layer.number, path })
  native.close(keep)
}
