/**
 * Before an upper is frozen: of lower hard-link groups that were copied up, every name comes to stand in the upper.
 * Their other names are found through the workdir's index otherwise, and a lower layer has none. Each step leaves the
 * mount as it was for whoever looks. Where a link count says that names are missing that nobody has asked for, the
 * merged tree is searched for them; that is rare.
 */
import { errnoWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { O_NOFOLLOW, O_PATH } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'
import type { Union } from '../context/union.js'
import { copyUp } from '../copy-up/copy-up.js'
import { setTimes } from '../copy-up/set-times.js'
import { copyUpWithName } from '../entries/remove-entry.js'
import { parseLinks, placeAgain } from '../lookup/lookup.js'
import { inodeKey } from '../nodes/inode-numbers.js'
import type { Node } from '../nodes/node.js'
import { searchTree } from './search-tree.js'

/** Brings every name up, and empties the index; why that cannot be done, or null. */
export function bringUpHardLinks(u: Union): StratafsError | null {
  const index = u.writable!.work.index
  const entries = index === null ? -1 : native.readDirectory(index.fd, '')
  if (typeof entries === 'number' || entries.names.length === 0) return null
  const groups = entries.names
  const nodes = nodesOf(u, groups)
  const errno = bringKnownNames(u, nodes)
  if (errno < 0) return failed(errno)
  const isDone = (): boolean => groups.every((name) => missingOf(u, name) <= 0)
  const searched = searchTree(u, isDone, (child, parent, name) =>
    child.links !== null && child.inUpper ? bringName(u, child, parent, name) : 0,
  )
  if (searched < 0) return failed(searched)
  for (const [name, node] of nodesOf(u, groups)) leaveIndex(u, name, node)
  u.singled.clear()
  return null
}

function failed(errno: number): StratafsError {
  return new StratafsError(`hard links of a lower layer cannot be brought up: ${errnoWords(errno)}`)
}

/** How many names of a group stand outside the upper. */
function missingOf(u: Union, name: string): number {
  const index = u.writable!.work.index!
  if (native.statat(index.fd, name) < 0) return 0
  const own = native.stat[Stat.NLINK]!
  const marks = u.marks.read(index.fd, name)
  if (typeof marks === 'number') return 0
  const lower = marks.origin === null ? null : u.inodes.originLinks(marks.origin)
  // Some users' marks cannot keep the count: then all that there may be are looked for.
  const all = marks.nlink === null ? (lower ?? own) : (parseLinks(marks.nlink, own, lower ?? 0) ?? 0)
  return all - (own - 1)
}

/** Those of the groups that are in memory: they lie in the index, or are known by their inode there. */
function nodesOf(u: Union, groups: readonly string[]): Map<string, Node | undefined> {
  const index = u.writable!.work.index!
  const placed = new Map<string, Node>()
  for (const [, node] of u.nodes.linked()) if (node.inodeDir === index) placed.set(node.inodeName, node)
  return new Map(groups.map((name) => [name, placed.get(name) ?? byInode(u, index.fd, name)]))
}

function byInode(u: Union, index: number, name: string): Node | undefined {
  return native.statat(index, name) < 0 ? undefined : u.nodes.byKey(inodeKey(native.stat))
}

function bringKnownNames(u: Union, nodes: ReadonlyMap<string, Node | undefined>): number {
  for (const node of nodes.values()) {
    if (node === undefined || node.parent === null || node.links === null) continue
    for (const { parent, name } of [{ parent: node.parent, name: node.name }, ...(node.others ?? [])]) {
      const errno = bringName(u, node, parent, name)
      if (errno < 0) return errno
    }
  }
  return 0
}

/** `node` stands in the upper under this name, too; the directory's times stay. */
function bringName(u: Union, node: Node, parent: Node, name: string): number {
  u.cache.beginOperation()
  let errno = copyUp(u, parent)
  const before = errno < 0 ? errno : u.cache.fd(parent.dir!.upper!)
  if (before < 0) return before
  errno = native.statat(before, '')
  if (errno < 0) return errno
  const times = native.stat.slice()
  errno = copyUpWithName(u, node, parent, name)
  const after = errno < 0 ? errno : u.cache.fd(parent.dir!.upper!)
  return after < 0 ? after : setTimes(after, '', times)
}

/** All of its names stand in the upper: it is a group like others. */
function leaveIndex(u: Union, group: string, node: Node | undefined): void {
  const index = u.writable!.work.index!
  if (node !== undefined && node.parent !== null) {
    // One that has lost the name it lay under is held by a descriptor.
    if (node.inodeDir === index || node.unlinkedFd >= 0) placeAgain(u, node, node.parent.dir!.upper!, node.name)
    node.links = null
    if (native.statat(index.fd, group) >= 0) u.nodes.addKey(node, inodeKey(native.stat))
  }
  // Counted by the lower's links while one of its own goes: right before and after.
  const fd = native.openat(index.fd, group, O_PATH | O_NOFOLLOW, 0)
  countByLower(u, fd)
  native.unlinkat(index.fd, group, 0)
  u.marks.remove(fd, '', 'nlink')
  u.limit?.marked(fd, '')
  native.close(fd)
}

function countByLower(u: Union, fd: number): void {
  const marks = u.marks.read(fd, '')
  const lower = typeof marks === 'number' || marks.origin === null ? null : u.inodes.originLinks(marks.origin)
  if (lower === null || lower === 0 || native.statat(fd, '') < 0) return
  const difference = native.stat[Stat.NLINK]! - 1 - lower
  u.marks.set(fd, '', 'nlink', `L${difference < 0 ? '' : '+'}${difference}`)
}
