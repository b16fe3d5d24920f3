/**
 * What the layers of an image show together, put on one another as a union does it. Whoever wants to know what is
 * hidden on the way is told of each name that goes. Paths are latin1, below the root, '' for the root.
 */
import { StratafsError } from '../../base/failure.js'
import { joined } from '../apply/paths.js'
import { printable } from '../tar/entry.js'
import type { Entry, Inode, Node } from './node.js'

/** Told of `entry` at `path`, which `by` takes away; `by` is null where a whiteout or an opaque directory does. */
type Hidden = (path: string, entry: Entry, root: string, by: Entry | null) => void

/** Most bytes that are remembered of a tree, and what one name costs beside its letters: 1.5 million names. */
const REMEMBERED = 640 * 1024 * 1024
const COST = 400
/** Links followed on the way to one name, as Linux counts them. */
const MOST_LINKS = 40

interface OwnNode {
  entry: Entry
  children: Map<string, OwnNode> | null
  /** The tree that may change it. */
  owner: object
}

const NO_INODE: Inode = { bytes: 0, names: 1, layer: -1 }

/** A directory that no entry of `layer` describes. */
export function directoryEntry(layer: number): Entry {
  const attributes = { mode: 0o755, uid: 0, gid: 0, size: 0, target: '', content: null, xattrs: '', acls: '' }
  return { kind: 'directory', ...attributes, layer, inode: { ...NO_INODE, layer } }
}

export class ImageTree {
  #owner = {}
  #root: OwnNode = { entry: directoryEntry(-1), children: new Map(), owner: this.#owner }
  #used = 0
  #hidden: Hidden = () => {}

  /** Another tree that begins as this one, which may go on being used. */
  fork(): ImageTree {
    const tree = new ImageTree()
    tree.#root = this.#root
    tree.#used = this.#used
    // What is shared belongs to neither.
    this.#owner = {}
    return tree
  }

  /** Who is told of what goes. */
  set onHidden(hidden: Hidden) {
    this.#hidden = hidden
  }

  get root(): Node {
    return this.#root
  }

  /** The node at `path`; null where there is none. */
  find(path: string): Node | null {
    let node: OwnNode | undefined = this.#root
    for (const name of path === '' ? [] : path.split('/')) node = node?.children?.get(name)
    return node ?? null
  }

  /**
   * `path` with the links of `layer` itself followed, from the root and never above it; null where they go on and on.
   */
  resolve(path: string, layer: number): string | null {
    let ahead = path === '' ? [] : path.split('/')
    if (!this.#hasLink(ahead, layer)) return path
    let at: string[] = []
    for (let links = 0; ahead.length > 0; ) {
      const name = ahead.shift()!
      if (name === '..') at.pop()
      if (name === '' || name === '.' || name === '..') continue
      const entry = this.find([...at, name].join('/'))?.entry
      if (entry?.kind !== 'symlink' || entry.layer !== layer) {
        at.push(name)
        continue
      }
      if (++links > MOST_LINKS) return null
      if (entry.target.startsWith('/')) at = []
      ahead = [...entry.target.split('/'), ...ahead]
    }
    return at.join('/')
  }

  #hasLink(names: readonly string[], layer: number): boolean {
    let node: OwnNode | undefined = this.#root
    for (const name of names) {
      node = node.children?.get(name)
      if (node === undefined) return false
      if (node.entry.kind === 'symlink' && node.entry.layer === layer) return true
    }
    return false
  }

  /** Puts `entry` at `path`; what stood there gives way, a directory only to what is none. Throws StratafsError. */
  put(path: string, entry: Entry): void {
    if (path === '') {
      if (entry.kind === 'directory') this.#ownRoot().entry = entry
      return
    }
    const slash = path.lastIndexOf('/')
    const parent = this.#directory(slash < 0 ? '' : path.slice(0, slash), entry)
    const name = path.slice(slash + 1)
    const there = parent.children!.get(name)
    const joins = there !== undefined && there.children !== null && entry.kind === 'directory'
    if (there !== undefined && !joins) this.#tell(path, there, path, entry)
    if (there === undefined) this.#count(path, name)
    const children = entry.kind !== 'directory' ? null : joins ? this.#own(parent, name).children : new Map()
    parent.children!.set(name, { entry, children, owner: this.#owner })
  }

  /** What layers below `layer` have at `path` is hidden; what it has itself stays. */
  whiteout(path: string, layer: number): void {
    const slash = path.lastIndexOf('/')
    const above = slash < 0 ? '' : path.slice(0, slash)
    if (path === '' || this.find(path) === null) return
    const parent = this.#directory(above, null)
    this.#hideChild(parent, path.slice(slash + 1), path, path, layer)
  }

  /** The same of all that the directory `path` holds. */
  opaque(path: string, layer: number): void {
    if (this.find(path)?.children == null) return
    const directory = this.#directory(path, null)
    for (const name of [...directory.children!.keys()])
      this.#hideChild(directory, name, joined(path, name), path, layer)
  }

  #hideChild(parent: OwnNode, name: string, path: string, root: string, layer: number): void {
    const node = parent.children!.get(name)!
    if (node.children === null) {
      if (node.entry.layer >= layer) return
    } else if (this.#holds(node, layer)) {
      const own = this.#own(parent, name)
      for (const each of [...own.children!.keys()]) this.#hideChild(own, each, joined(path, each), root, layer)
      return
    }
    parent.children!.delete(name)
    this.#tell(path, node, root, null)
  }

  /** Whether something of `layer` is at or below `node`. */
  #holds(node: OwnNode, layer: number): boolean {
    if (node.entry.layer >= layer) return true
    for (const child of node.children?.values() ?? []) if (this.#holds(child, layer)) return true
    return false
  }

  #tell(path: string, node: OwnNode, root: string, by: Entry | null): void {
    for (const [name, child] of node.children ?? []) this.#tell(joined(path, name), child, root, by)
    this.#hidden(path, node.entry, root, by)
  }

  // ---- directories ----------------------------------------------------------------------------------------------

  /** The directory `path`, this tree's own, made with its parents where it is missing (for `entry`). */
  #directory(path: string, entry: Entry | null): OwnNode {
    let node = this.#ownRoot()
    let at = ''
    for (const name of path === '' ? [] : path.split('/')) {
      at = joined(at, name)
      const there = node.children!.get(name)
      if (there?.children == null) this.#implied(node, name, at, there, entry)
      node = this.#own(node, name)
    }
    return node
  }

  #implied(parent: OwnNode, name: string, path: string, there: OwnNode | undefined, entry: Entry | null): void {
    const made = directoryEntry(entry?.layer ?? -1)
    if (there !== undefined) this.#tell(path, there, path, made)
    else this.#count(path, name)
    parent.children!.set(name, { entry: made, children: new Map(), owner: this.#owner })
  }

  #ownRoot(): OwnNode {
    if (this.#root.owner !== this.#owner) this.#root = this.#copied(this.#root)
    return this.#root
  }

  /** The directory `name` of `parent`, which this tree may change. */
  #own(parent: OwnNode, name: string): OwnNode {
    const node = parent.children!.get(name)!
    if (node.owner === this.#owner) return node
    const own = this.#copied(node)
    parent.children!.set(name, own)
    return own
  }

  #copied({ entry, children }: OwnNode): OwnNode {
    return { entry, children: children === null ? null : new Map(children), owner: this.#owner }
  }

  #count(path: string, name: string): void {
    this.#used += COST + name.length
    if (this.#used <= REMEMBERED) return
    throw new StratafsError(`${printable(path)}: the image holds more names than ${REMEMBERED >> 20} MiB can remember`)
  }
}
