/**
 * Files that the kernel writes to by itself while the upper is frozen: passed through and open for writing, or mapped.
 * No word of ours stops that, so their inodes stay in the present, with everybody who has them open, and the snapshot
 * gets a copy of each: a clone where the filesystem has those. All copies are of one moment, which is checked by the
 * files' times; what is written to without a pause is refused by name.
 */
import { errnoWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import type { LayerDir } from '../../layers/layer-dir.js'
import { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'
import { statNode, type Union } from '../context/union.js'
import { setTimes } from '../copy-up/set-times.js'
import { forgetUnmapped } from '../data/backing.js'
import type { Node } from '../nodes/node.js'
import { pathOfNode } from '../nodes/node-path.js'
import { searchTree } from './search-tree.js'

/** One of its names. */
interface Standing {
  /** The directory, and its part in the upper that is to be frozen. */
  readonly parent: Node
  readonly dir: LayerDir
  readonly name: string
}

/** One that stays in the present. */
export interface WrittenFile {
  readonly node: Node
  /** All of them. */
  readonly names: readonly [Standing, ...Standing[]]
  /** What its copy is called. */
  readonly copy: string
}

/** How often they are copied anew because one was written to meanwhile. */
const ATTEMPTS = 20
const COMPARED = [Stat.SIZE, Stat.MTIME, Stat.MTIME_NS, Stat.CTIME, Stat.CTIME_NS] as const

/** The files that somebody may write to without a word, or why there is one that nothing can be done about. */
export function writtenFiles(u: Union): WrittenFile[] | StratafsError {
  forgetUnmapped(u)
  // What has no name is in no snapshot, and goes on as it is.
  const nodes = [...new Set([...u.passedToWriters, ...u.perhapsMapped])].filter(
    (node) => node.inUpper && node.inodeDir !== null && !node.removed && node.contentDir === null,
  )
  const isDone = (): boolean => nodes.every((node) => missingNames(u, node) === 0)
  const errno = searchTree(u, isDone, () => 0)
  if (errno < 0) return new StratafsError(`names of files that are open cannot be found: ${errnoWords(errno)}`)
  const stray = nodes.find((node) => missingNames(u, node) !== 0)
  if (stray !== undefined) return hasOtherNames(stray)
  return nodes.map((node, at) => ({ node, names: namesOf(node), copy: String(at) }))
}

/** How many names it has that are not known; -1 where that cannot be told. */
function missingNames(u: Union, node: Node): number {
  u.cache.beginOperation()
  if (statNode(u, node) < 0) return -1
  return native.stat[Stat.NLINK]! - namesOf(node).length
}

function namesOf(node: Node): [Standing, ...Standing[]] {
  const all = [{ parent: node.parent!, name: node.name }, ...(node.others ?? [])]
  const standing = all.flatMap(({ parent, name }) => {
    const { upper } = parent.dir!
    return upper === null ? [] : [{ parent, dir: upper, name }]
  })
  return standing as [Standing, ...Standing[]]
}

/**
 * Files without a known name that have one all the same, which nobody has asked for since: they are in the snapshot, so
 * the name has to be known. 0 or -errno.
 */
export function findLostNames(u: Union): number {
  const isLost = (node: Node): boolean =>
    node.removed && node.unlinkedFd >= 0 && native.statat(node.unlinkedFd, '') >= 0 && native.stat[Stat.NLINK]! > 0
  const lost = [...u.nodes.linked()].map(([, node]) => node).filter(isLost)
  return searchTree(
    u,
    () => !lost.some(isLost),
    () => 0,
  )
}

function hasOtherNames(node: Node): StratafsError {
  return new StratafsError(
    `${pathOfNode(node)} is open for writing and has names outside the mount`,
    'IN_USE',
    'close it first, or mount with data=cached',
  )
}

function failed(node: Node, errno: number): StratafsError {
  return new StratafsError(`${pathOfNode(node)}, which is open for writing, cannot be copied: ${errnoWords(errno)}`)
}

/** Copies all of `files` into the directory `into`, as they are at one moment; why not, or null. */
export function copyWritten(u: Union, files: readonly WrittenFile[], into: number): StratafsError | null {
  let due = files
  const seen = new Map<WrittenFile, number[]>()
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    for (const file of due) {
      const stamp = copyOne(u, file, into)
      if (typeof stamp === 'number') return failed(file.node, stamp)
      seen.set(file, stamp)
    }
    due = files.filter((file) => !isAsSeen(u, file, seen.get(file)!))
    if (due.length === 0) return null
  }
  const path = pathOfNode(due[0]!.node)
  return new StratafsError(
    `${path} is being written to without a pause`,
    'IN_USE',
    'stop what writes to it, mount with data=cached, or put the upperdir on XFS or Btrfs',
  )
}

function stampOf(): number[] {
  return COMPARED.map((slot) => native.stat[slot]!)
}

function isAsSeen(u: Union, { names: [{ dir, name }] }: WrittenFile, stamp: readonly number[]): boolean {
  u.cache.beginOperation()
  const fd = u.cache.fd(dir)
  return fd >= 0 && native.statat(fd, name) >= 0 && stampOf().every((value, i) => value === stamp[i])
}

/** What the file was right before it was copied, or -errno. */
function copyOne(u: Union, { names: [{ dir, name }], copy }: WrittenFile, into: number): number[] | number {
  u.cache.beginOperation()
  const at = u.cache.fd(dir)
  const from = at < 0 ? at : native.openFile(at, name, O_RDONLY)
  if (from < 0) return from
  native.unlinkat(into, copy, 0)
  const to = native.openat(into, copy, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW, 0o600)
  const stamp = to < 0 ? to : copyAll(u, from, to)
  if (to >= 0) native.close(to)
  native.close(from)
  return stamp
}

/** Everything of the file, its marks too. What a mapping has changed is written first, so that its next store shows. */
function copyAll(u: Union, from: number, to: number): number[] | number {
  let errno = native.fdatasync(from)
  if (errno >= 0) errno = native.statat(from, '')
  if (errno < 0) return errno
  const stat = native.stat.slice()
  const stamp = stampOf()
  errno = native.copyContent(from, to, stat[Stat.SIZE]!)
  if (errno >= 0) errno = native.chownat(to, '', stat[Stat.UID]!, stat[Stat.GID]!)
  if (errno >= 0) errno = copyAttributes(from, to)
  if (errno >= 0) errno = native.chmodat(to, '', stat[Stat.MODE]! & 0o7777)
  if (errno >= 0) errno = setTimes(to, '', stat)
  if (errno >= 0 && u.syncs) errno = native.fsync(to)
  return errno < 0 ? errno : stamp
}

function copyAttributes(from: number, to: number): number {
  const names = native.listxattr(from, '')
  if (typeof names === 'number') return names
  for (const name of names) {
    const value = native.getxattr(from, '', name)
    const errno = typeof value === 'number' ? value : native.setxattr(to, '', name, value, 0)
    if (errno < 0) return errno
  }
  return 0
}
