/**
 * From a name to a node. What a search found becomes the node that the kernel will know: an existing one where the same
 * inode is already known under another name. Hard links share one node, by one of three keys:
 *
 * - an upper file by its inode;
 * - a lower file by its inode in its layer;
 * - a copied-up lower file by the hard-link index (`index/`), which holds its upper inode under the lower's file
 *   handle.
 */
import { Errno } from '../../base/errno.js'
import { indexName } from '../../layers/file-handle.js'
import type { LayerDir } from '../../layers/layer-dir.js'
import { type Marks, noMarks } from '../../layers/marks.js'
import { originMark } from '../../layers/origin-mark.js'
import { AUFS_PREFIX } from '../../layers/whiteouts.js'
import { S_IFDIR, S_IFMT, S_IFREG } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'
import { fillAttr } from '../context/attributes.js'
import { believedNumber, markedNumber } from '../context/believed-numbers.js'
import { protectionOf } from '../context/protection.js'
import { type Found, search } from '../context/search.js'
import { statNode, type Union } from '../context/union.js'
import { inodeKey } from '../nodes/inode-numbers.js'
import { addName, DirState, type Node } from '../nodes/node.js'
import { ABSENT, listedAt } from './merged-directory.js'

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
  return nodeAt(u, parent, name, part)
}

/** As `childOf`, of a name that is not known yet; `part`: the one to begin with. */
export function nodeAt(u: Union, parent: Node, name: string, part: number): Node | number {
  const found = search(u, parent.dir!, name, part)
  if (found.error !== 0) return found.error
  if (found.type === 0) return 0
  // A metacopy whose content is nowhere below must not be read as zeros.
  if (found.marks.metacopy && found.type === S_IFREG && found.contentDir === null) return -Errno.EIO
  const node = found.type === S_IFDIR ? directoryNode(u, found) : fileNode(u, found)
  if (typeof node === 'number') return node
  addName(node, parent, name)
  if (node.slot !== 0) u.nodes.ledger?.renamed(node)
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

/**
 * What a lower layer's own marks say of layers further down is told by the search; only the upper's are this mount's.
 */
function upperMarks(found: Found): Marks {
  const part = found.upper ?? found.inodeDir ?? (Array.isArray(found.lowers) ? found.lowers[0] : null)
  const layer = (part as LayerDir | null)?.layer
  if (layer?.isUpper) return found.marks
  if (!layer?.isSnapshot) return noMarks
  // What was told when it was the upper is told still.
  const { origin, inode, protection } = found.marks
  return { ...noMarks, origin, inode, protection }
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
  const linked = u.topStat[Stat.NLINK]! > 1 || (u.singled.size > 0 && u.singled.has(inodeKey(u.topStat)))
  if (linked) return linkedNode(u, found)
  const open = openWithoutName(u, found)
  return open === null ? newFile(u, found, found.type) : refreshed(u, open, found)
}

/**
 * The upper inode is open already, and has lost every name that was known: this one, the last, had been forgotten. No
 * link count tells.
 */
function openWithoutName(u: Union, { inodeDir }: Found): Node | null {
  if (!inodeDir!.layer.isUpper || !u.nodes.anyLinked) return null
  const key = inodeKey(u.topStat)
  const node = u.nodes.byKey(key)
  if (node === undefined || !node.removed || node.unlinkedFd < 0) return null
  return native.statat(node.unlinkedFd, '') >= 0 && inodeKey(native.stat) === key ? node : null
}

function newFile(u: Union, found: Found, type: number): Node {
  const marks = upperMarks(found)
  const node = createNode(u, marks, type, null)
  placeFile(node, found.inodeDir!, found.inodeName)
  if (found.contentDir !== null) {
    node.contentDir = found.contentDir
    node.contentName = found.contentName
  }
  return node
}

/** Says where `node`'s inode lies. */
export function placeFile(node: Node, at: LayerDir, name: string): void {
  node.inodeDir = at
  node.inodeName = name
  node.inUpper = at.layer.isUpper
}

/**
 * An upper inode that was kept by a descriptor only has a name again: a descriptor per inode is more than there are.
 */
export function placeAgain(u: Union, node: Node, at: LayerDir, name: string): void {
  placeFile(node, at, name)
  const { unlinkedFd: fd } = node
  node.unlinkedFd = -1
  if (fd < 0) return
  const { ledger } = u.nodes
  // Until the ledger has the name it may be the only way there.
  if (ledger === null) native.close(fd)
  else ledger.parking.closeWith(node.id, fd)
}

function linkedNode(u: Union, found: Found): Node | number {
  const key = inodeKey(u.topStat)
  const known = u.nodes.byKey(key)
  if (known !== undefined) return refreshed(u, known, found)
  if (found.inodeDir!.layer.isUpper) return upperLink(u, found, key)
  return lowerLink(u, found, key)
}

/** A known node met under another name: the stat record must be that of where it lies now. */
function refreshed(u: Union, node: Node, found: Found): Node {
  if (node.unlinkedFd >= 0 && found.inodeDir!.layer.isUpper) placeAgain(u, node, found.inodeDir!, found.inodeName)
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
  const indexed = u.writable === null ? null : upperInLinkIndex(u, found, nlink)
  if (typeof indexed === 'number') return indexed
  const node = indexed ?? newFile(u, found, found.type)
  u.nodes.addKey(node, key)
  node.links ??= { nlink: nlink - (u.hiddenLinks.get(key) ?? 0) }
  return node
}

/**
 * The upper inode that stands in the index for a lower hard link, as a node; null when nothing was copied up; or
 * -errno.
 */
function upperInLinkIndex(u: Union, found: Found, lowerLinks: number): Node | number | null {
  const index = u.writable!.work.index
  if (index === null) return null
  const fd = u.cache.fd(found.inodeDir!)
  const mark = fd < 0 ? null : originMark(fd, found.inodeName, found.inodeDir!)
  if (mark === null) return null
  const name = indexName(mark)
  const errno = native.statat(index.fd, name)
  if (errno < 0) return errno === -Errno.ENOENT ? null : errno
  if ((native.stat[Stat.MODE]! & S_IFMT) !== found.type) return null
  u.topStat.set(native.stat)
  const key = inodeKey(u.topStat)
  const known = u.nodes.byKey(key)
  if (known !== undefined) return known
  return nodeFromLinkIndex(u, found, name, key, lowerLinks)
}

function nodeFromLinkIndex(u: Union, found: Found, name: string, key: string, lowerLinks: number): Node | number {
  const index = u.writable!.work.index!
  const marks = u.marks.read(index.fd, name)
  if (typeof marks === 'number') return marks
  const node = createNode(u, marks, found.type, null)
  if (marks.metacopy) {
    // The lower inode may be a metacopy, too.
    node.contentDir = found.contentDir ?? found.inodeDir
    node.contentName = found.contentDir === null ? found.inodeName : found.contentName
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
  return lower === null || lower === 0 ? null : parseLinks(marks.nlink, upperLinks, lower)
}

/** The kernel was told of `node` once more. */
export function addLookup(u: Union, node: Node): number {
  node.nlookup++
  u.nodes.ledger?.told(node)
  return node.id
}
