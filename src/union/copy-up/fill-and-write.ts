/**
 * The beginning of a copy-up that goes on while the file is written to. Who opens or writes a large lower file does not
 * wait for all of it to be copied: a new file of its size is made at once, with all its attributes, and takes what is
 * written. What has not been written comes from the lower file, to readers as to the thread that copies it.
 *
 * A filesystem with reflinks has it all at once. Some files are copied the old way, whole before the first write: hard
 * links, protected files, and those with set-id bits or capabilities, which a write by the copier would clear.
 */
import { O_PATH, S_IFREG, S_SETID, UTIME_OMIT, XATTR_CAPABILITY } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { FsStatSlot, Stat } from '../../syscalls/stat.js'
import type { Union } from '../context/union.js'
import { splitNodeid } from '../data/backing.js'
import { keepContentFd, rebindData } from '../data/content-fd.js'
import type { Node } from '../nodes/node.js'
import type { PendingCopy } from '../nodes/pending-copy.js'
import { copyAttributes, type Job } from './build.js'
import { openSource, type Source } from './content.js'
import { bringUp, commit, copyUp, start } from './copy-up.js'

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
  // Whether a copy fits is known before the first write, where somebody counts; and nothing that has been written may
  // lie in no file, where another process is to go on.
  if (u.config.wholeFirst === true || u.limit?.isBounded || u.nodes.ledger !== null) return false
  const length = size < 0 ? node.size : Math.min(size, node.size)
  if (length < LARGE || length > LARGEST) return false
  const isPlain = node.links === null && node.protection === 0 && !node.removed && node.parent !== null
  return isPlain && u.filling.size < MOST && u.binding.wakeFd >= 0
}

/** 0, NOT_BEGUN, or -errno. */
function begin(u: Union, node: Node, size: number): number {
  const above = copyUp(u, node.parent!)
  if (above < 0) return above
  const job = start(u, node, -1, false, null)
  if (typeof job === 'number') return job
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
  if (native.startFill(source.fd, target, source.length, u.syncs, u.binding.wakeFd) < 0) {
    native.close(pin)
    return NOT_BEGUN
  }
  const from = node.contentDir ?? node.inodeDir!
  splitNodeid(u, node, from, node.contentDir === null ? node.inodeName : node.contentName)
  const write = () => commit(job)
  node.filling = { target, temporary: job.temporary, commit: write, stopped: 0 }
  u.filling.add(node)
  node.unlinkedFd = pin
  node.withoutCapabilities = false
  keepContentFd(u, node, target, true)
  // It must not be closed to make room.
  u.files.nodes.delete(node)
  return 0
}
