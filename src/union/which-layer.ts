/**
 * Which layer a path of the merged tree comes from, which others have its name, and why those do not show. The owner is
 * found as every name is, by the engine's own search. The reasons are looked up in the layers, on the way from the root
 * to the name. A layer falls out at the first directory where one above it has a whiteout, a file, or is opaque.
 */
import { Errno } from '../base/errno.js'
import type { LayerDir } from '../layers/layer-dir.js'
import { hiddenBecause } from '../stack/explain.js'
import { native } from '../syscalls/native.js'
import { Stat } from '../syscalls/stat.js'
import { layerOf } from './context/attributes.js'
import { statNode, topDir, type Union } from './context/union.js'
import { forgetUnused } from './data/forget.js'
import { childOf } from './lookup/lookup.js'
import { listingOf } from './lookup/merged-directory.js'
import type { Node } from './nodes/node.js'

/** Another layer that has the name. `why`: `merged`, `whiteout`, or what hides it there. */
interface OtherLayer {
  readonly index: number
  readonly root: string
  readonly why: string
}

/** Where one path of the merged tree comes from. Paths and roots latin1. */
export interface Ownership {
  readonly path: string
  readonly layer: 'upper' | 'lower'
  /** -1 for the upper, else the position among the lowers, top first. */
  readonly index: number
  readonly root: string
  readonly realpath: string
  readonly type: number
  /** The other layers that have the name, top first. */
  readonly also: readonly OtherLayer[]
}

/** A path that does not show, though layers have it. */
export interface HiddenPath {
  readonly path: string
  readonly layer: null
  readonly also: readonly OtherLayer[]
}

/** The directories on the way to a name: the name's own directory is last. */
interface Way {
  readonly nodes: readonly Node[]
  readonly names: readonly string[]
}

/** Finds the owner of `path`, relative to the mount's root; or -errno. */
export function ownerOf(u: Union, path: string): Ownership | HiddenPath | number {
  u.cache.beginOperation()
  const names = path.split('/').filter((part) => part !== '' && part !== '.')
  const nodes: Node[] = [u.root]
  for (const name of names) {
    const child = nodes.at(-1)!.dir === null ? -Errno.ENOTDIR : childOf(u, nodes.at(-1)!, name)
    if (typeof child === 'number') return absent(u, path, { nodes, names }, child === 0 ? -Errno.ENOENT : child)
    nodes.push(child)
  }
  const node = nodes.pop()!
  const answer = describeNode(u, path, node, { nodes, names })
  forgetUnused(u, node)
  return answer
}

function absent(u: Union, path: string, way: Way, errno: number): HiddenPath | number {
  const also = errno === -Errno.ENOENT || errno === -Errno.ENOTDIR ? othersOf(u, way, []) : []
  forgetUnused(u, way.nodes.at(-1)!)
  return also.some(({ why }) => why !== 'whiteout') ? { path, layer: null, also } : errno
}

function describeNode(u: Union, path: string, node: Node, way: Way): Ownership | number {
  const layer = layerOf(node)
  if (layer === null) return -Errno.ENOENT
  const inside =
    node.dir !== null ? topDir(node).path() : [node.inodeDir!.path(), node.inodeName].filter((s) => s !== '').join('/')
  const merged = node.dir === null ? [] : partsOf(node).slice(1)
  return {
    path,
    layer: layer.isUpper ? 'upper' : 'lower',
    index: layer.position,
    root: layer.path,
    realpath: inside === '' ? layer.path : `${layer.path}/${inside}`,
    type: node.type,
    also: [
      ...merged.map((part) => ({ index: part.layer.position, root: part.layer.path, why: 'merged' })),
      ...othersOf(u, way, [layer.position, ...merged.map((part) => part.layer.position)]),
    ].sort((a, b) => a.index - b.index),
  }
}

function partsOf(node: Node): LayerDir[] {
  if (node.dir === null) return []
  return node.dir.upper === null ? [...node.dir.lowers] : [node.dir.upper, ...node.dir.lowers]
}

/** The layers but `known` that have the name at the end of the way, and why they do not show there. */
function othersOf(u: Union, way: Way, known: readonly number[]): OtherLayer[] {
  const { names } = way
  const name = names.at(-1)
  if (name === undefined) return []
  const layers = u.writable === null ? u.lowers : [u.writable.layer, ...u.lowers]
  const found: OtherLayer[] = []
  for (const layer of layers) {
    if (known.includes(layer.position)) continue
    const why = hiddenBecause(u, { dirs: way.nodes.map(partsOf), names }, layer)
    if (why !== null) found.push({ index: layer.position, root: layer.path, why })
  }
  return found
}

/** An entry of a merged directory with its owner. */
export interface OwnedEntry {
  readonly name: string
  readonly type: number
  /** -1 for the upper, else the position among the lowers. */
  readonly layer: number
  /** All layers that a directory joins, top first; else the owner alone. */
  readonly layers: readonly number[]
  readonly size: number
  /** 512-byte blocks on disk. */
  readonly blocks: number
  /** More than one for a file with several names: `inode` tells which belong together. */
  readonly links: number
  readonly inode: string
}

export interface OwnedPage {
  readonly entries: readonly OwnedEntry[]
  /** To be given as `after` for the rest; null at the end. */
  readonly next: number | null
}

/** Up to `limit` entries of the directory at `path` from cookie `after` on (0: the first); or -errno. */
export function ownersIn(u: Union, path: string, after: number, limit: number): OwnedPage | number {
  const node = nodeAt(u, path)
  if (typeof node === 'number') return node
  if (node.dir === null) return -Errno.ENOTDIR
  const listing = listingOf(u, node)
  if (typeof listing === 'number') return listing
  const entries: OwnedEntry[] = []
  let cookie = listing.next(after)
  for (; cookie >= 0 && entries.length < limit; cookie = listing.next(cookie)) {
    u.cache.beginOperation()
    const entry = ownedEntry(u, node, listing.name(cookie))
    if (entry !== null) entries.push(entry)
    after = cookie
  }
  forgetUnused(u, node)
  return { entries, next: cookie < 0 ? null : after }
}

/** The node at `path`, relative to the mount's root; or -errno. */
export function nodeAt(u: Union, path: string): Node | number {
  u.cache.beginOperation()
  let node: Node = u.root
  for (const name of path.split('/').filter((part) => part !== '' && part !== '.')) {
    const child: Node | number = node.dir === null ? -Errno.ENOTDIR : childOf(u, node, name)
    if (typeof child === 'number') return child === 0 ? -Errno.ENOENT : child
    node = child
  }
  return node
}

function ownedEntry(u: Union, parent: Node, name: string): OwnedEntry | null {
  const node = childOf(u, parent, name)
  if (typeof node === 'number') return null
  const entry = describeEntry(u, name, node)
  if (node.nlookup === 0) forgetUnused(u, node)
  return entry
}

/** What is told of `node`, called `name`; null where it cannot be looked at. */
export function describeEntry(u: Union, name: string, node: Node): OwnedEntry | null {
  const errno = statNode(u, node)
  const { stat } = native
  const layers = node.dir === null ? [layerOf(node)?.position ?? -1] : partsOf(node).map((part) => part.layer.position)
  const entry = {
    name,
    type: node.type,
    layer: layers[0]!,
    layers,
    size: stat[Stat.SIZE]!,
    blocks: stat[Stat.BLOCKS]!,
    links: stat[Stat.NLINK]!,
    inode: `${stat[Stat.DEV_MAJOR]}:${stat[Stat.DEV_MINOR]}:${stat[Stat.INO_HIGH]}:${stat[Stat.INO_LOW]}`,
  }
  return errno < 0 ? null : entry
}
