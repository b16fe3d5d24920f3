/**
 * From a name to a node: what a search found becomes the node that the kernel will know, an existing one where the same
 * inode is already known under another name. Hard links share one node: those of the upper by their inode, those of a lower
 * layer by theirs, and a lower one that has been copied up through kernel overlayfs's index directory, where the upper
 * inode stands under the file handle of the lower one.
 */
import { Errno } from '../base/errno.js'
import { indexName } from '../layers/file-handle.js'
import { type Marks, noMarks } from '../layers/marks.js'
import { originMark } from '../layers/origin-mark.js'
import { existing } from '../layers/parts.js'
import type { RealDir } from '../layers/real-dir.js'
import { AUFS_PREFIX } from '../layers/whiteouts.js'
import { O_NOFOLLOW, O_PATH, S_IFDIR, S_IFMT, S_IFREG } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { Stat } from '../syscalls/stat.js'
import { fillAttr } from './attributes.js'
import { dropData } from './data.js'
import { ABSENT, listedAt } from './merged-directory.js'
import { addName, DirState, dropName, type Node } from './node.js'
import { believedNumber, markedNumber } from './origin-claims.js'
import { protectionOf } from './protection.js'
import { type Found, search } from './search.js'
import { statNode, type Union } from './union.js'
import { forgetAhead } from './walk-ahead.js'

/**
 * The child `name` of `parent`; 0 when there is none, or -errno. `u.attrFresh` says whether `u.attr` has been filled on
 * the way; the attributes of a child that was known already are read by whoever wants them.
 */
export function childOf(u: Union, parent: Node, name: string): Node | number {
  u.attrFresh = false
  const known = parent.dir!.children.get(name)
  if (known !== undefined) return known
  if (parent.removed || name.startsWith(AUFS_PREFIX)) return 0
  const part = parent.dir!.listing === null ? listedAt(u, parent, name) : parent.dir!.listing.partOf(name)
  if (part === ABSENT) return 0
  const found = search(u, parent.dir!, name, part)
  if (found.error !== 0) return found.error
  if (found.type === 0) return 0
  // A metacopy whose content is nowhere below must not be read as zeros.
  if (found.marks.metacopy && found.type === S_IFREG && found.data === null) return -Errno.EIO
  const node = found.type === S_IFDIR ? directoryNode(u, found) : fileNode(u, found)
  if (typeof node === 'number') return node
  addName(node, parent, name)
  fillAttr(u, node, u.topStat)
  u.attrFresh = true
  return node
}

function directoryNode(u: Union, found: Found): Node {
  const dir = new DirState(found.upper, found.lowers)
  const marks = upperMarks(found)
  dir.redirect = marks.redirect
  dir.impure = marks.impure
  return createNode(u, marks, S_IFDIR, dir)
}

/** What a lower layer's own marks say of layers further down is told by the search; only the upper's are this mount's. */
function upperMarks(found: Found): Marks {
  return (found.upper ?? found.at)?.layer.isUpper ? found.marks : noMarks
}

/** A node for what `u.topStat` and its marks describe. */
function createNode(u: Union, marks: Marks, type: number, dir: DirState | null): Node {
  const marked = markedNumber(u, marks, type)
  const number = believedNumber(u, marked)
  const node = u.nodes.create(type, number, dir)
  node.claims = number === marked
  node.hasOrigin = marks.origin !== null
  node.protection = protectionOf(u.topStat, marks)
  return node
}

function fileNode(u: Union, found: Found): Node | number {
  if (u.topStat[Stat.NLINK]! > 1) return linkedNode(u, found)
  return newFile(u, found, found.type)
}

function newFile(u: Union, found: Found, type: number): Node {
  const marks = upperMarks(found)
  const node = createNode(u, marks, type, null)
  placeFile(node, found.at!, found.atName)
  if (found.data !== null) {
    node.data = found.data
    node.dataName = found.dataName
  }
  return node
}

/** Says where `node`'s inode lies. */
export function placeFile(node: Node, at: RealDir, name: string): void {
  node.at = at
  node.atName = name
  node.inUpper = at.layer.isUpper
}

/** An upper inode that was kept by a descriptor only has a name again: a descriptor per inode is more than there are. */
export function placeAgain(node: Node, at: RealDir, name: string): void {
  placeFile(node, at, name)
  if (node.pin >= 0) native.close(node.pin)
  node.pin = -1
}

/** The key of the real inode that a stat record describes. */
export function inodeKey(stat: Float64Array): string {
  return `${stat[Stat.DEV_MAJOR]}:${stat[Stat.DEV_MINOR]}:${stat[Stat.INO_HIGH]}:${stat[Stat.INO_LOW]}`
}

function linkedNode(u: Union, found: Found): Node | number {
  const key = inodeKey(u.topStat)
  const known = u.nodes.byKey(key)
  if (known !== undefined) return refreshed(u, known, found)
  if (found.at!.layer.isUpper) return upperLink(u, found, key)
  return lowerLink(u, found, key)
}

/** A known node met under another name: the stat record must be that of where it lies now. */
function refreshed(u: Union, node: Node, found: Found): Node {
  if (node.pin >= 0 && found.at!.layer.isUpper) placeAgain(node, found.at!, found.atName)
  if (node.inUpper && statNode(u, node) >= 0) u.topStat.set(native.stat)
  return node
}

function upperLink(u: Union, found: Found, key: string): Node {
  const node = newFile(u, found, found.type)
  u.nodes.addKey(node, key)
  if (found.marks.nlink !== null) {
    const nlink = unionLinks(u, found.marks, u.topStat[Stat.NLINK]!)
    if (nlink !== null) node.links = { nlink }
  }
  return node
}

function lowerLink(u: Union, found: Found, key: string): Node | number {
  const nlink = u.topStat[Stat.NLINK]!
  const indexed = u.writable === null ? null : indexedUpper(u, found, nlink)
  if (typeof indexed === 'number') return indexed
  const node = indexed ?? newFile(u, found, found.type)
  u.nodes.addKey(node, key)
  node.links ??= { nlink: nlink - (u.hiddenLinks.get(key) ?? 0) }
  return node
}

/** The upper inode that stands in the index for a lower hard link, as a node; null when nothing was copied up; or -errno. */
function indexedUpper(u: Union, found: Found, lowerLinks: number): Node | number | null {
  const index = u.writable!.work.index
  if (index === null) return null
  const fd = u.cache.fd(found.at!)
  const mark = fd < 0 ? null : originMark(fd, found.atName, found.at!)
  if (mark === null) return null
  const name = indexName(mark)
  const errno = native.statat(index.fd, name)
  if (errno < 0) return errno === -Errno.ENOENT ? null : errno
  if ((native.stat[Stat.MODE]! & S_IFMT) !== found.type) return null
  u.topStat.set(native.stat)
  const key = inodeKey(u.topStat)
  const known = u.nodes.byKey(key)
  if (known !== undefined) return known
  return newIndexed(u, found, name, key, lowerLinks)
}

function newIndexed(u: Union, found: Found, name: string, key: string, lowerLinks: number): Node | number {
  const index = u.writable!.work.index!
  const marks = u.marks.read(index.fd, name)
  if (typeof marks === 'number') return marks
  const node = createNode(u, marks, found.type, null)
  if (marks.metacopy) {
    // The lower inode may be a metacopy, too.
    node.data = found.data ?? found.at
    node.dataName = found.data === null ? found.atName : found.dataName
  }
  placeFile(node, index, name)
  node.hasOrigin = true
  u.nodes.addKey(node, key)
  node.links = { nlink: parseLinks(marks.nlink, u.topStat[Stat.NLINK]!, lowerLinks) ?? lowerLinks }
  return node
}

/** `U+N`: relative to the upper's link count; `L-N`: to the lower's. As ovl_get_nlink(). */
export function parseLinks(text: string | null, upperLinks: number, lowerLinks: number): number | null {
  const match = /^([UL])([+-]\d+)$/.exec(text ?? '')
  if (match === null) return null
  const nlink = (match[1] === 'U' ? upperLinks : lowerLinks) + Number(match[2])
  return nlink > 0 ? nlink : null
}

/** The union's link count of an upper inode with an nlink mark; the lower inode is found through the origin. */
function unionLinks(u: Union, marks: Marks, upperLinks: number): number | null {
  if (marks.nlink?.startsWith('U')) return parseLinks(marks.nlink, upperLinks, 0)
  const lower = marks.origin === null ? null : u.inodes.originLinks(marks.origin)
  return lower === null ? null : parseLinks(marks.nlink, upperLinks, lower)
}

/** The kernel was told of `node` once more. */
export function remember(node: Node): number {
  node.nlookup++
  return node.id
}

/** Lets go of `node` when neither the kernel nor a child needs it. */
export function forgetUnused(u: Union, node: Node): void {
  let next: Node | null = node
  while (next !== null && next !== u.root && next.nlookup <= 0 && next.opens === 0 && next.ghosts === 0) {
    const current: Node = next
    if (current.dir !== null && current.dir.children.size > 0) return
    next = current.parent
    free(u, current)
  }
}

function free(u: Union, node: Node): void {
  const others = [...(node.others ?? [])]
  if (node.parent !== null) dropName(node, node.parent, node.name)
  for (const alias of others) alias.parent.dir!.children.delete(alias.name)
  u.nodes.delete(node)
  if (node.claims) u.claims.release(node.ino)
  if (node.dir !== null) {
    u.listings.delete(node)
    forgetAhead(u, node)
    if (node.dir.upper !== null) u.cache.release(node.dir.upper)
    for (const lower of existing(node.dir.lowers)) u.cache.release(lower)
  }
  closeDescriptors(u, node)
  for (const alias of others) if (alias.parent.nlookup <= 0) forgetUnused(u, alias.parent)
}

function closeDescriptors(u: Union, node: Node): void {
  dropData(u, node)
  // Of a file without a name this is the last one.
  if (node.pin >= 0) native.closeSoon(node.pin)
  node.pin = -1
}

/** Before an upper inode loses its last known name: keeps it reachable while it is in use. */
export function pinFile(u: Union, node: Node): number {
  if (node.pin >= 0 || node.at === null) return 0
  const fd = u.cache.fd(node.at)
  if (fd < 0) return fd
  const pin = native.openat(fd, node.atName, O_PATH | O_NOFOLLOW, 0)
  if (pin < 0) return pin
  node.pin = pin
  return 0
}
