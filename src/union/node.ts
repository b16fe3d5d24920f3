/**
 * What the engine remembers of a file for as long as the kernel knows it. A node is one inode of the merged tree: hard
 * links share it, and a name may come to mean another node while this one is still open (nothing may assume one node per
 * path for ever). It holds where the file lies, never what it contains: attributes are read from the layer each time the
 * kernel, which caches them, asks.
 */
import { UNTRIED, type ViewSlot } from '../index/lower-index.js'
import type { RealDir } from '../layers/real-dir.js'
import { S_IFMT } from '../syscalls/constants.js'
import { ById } from './by-id.js'
import type { Listing } from './listing.js'
import { Seldom } from './seldom.js'

export interface Alias {
  readonly parent: Node
  readonly name: string
}

/** What a directory is made of. */
export class DirState {
  readonly children = new Map<string, Node>()
  /** Names in the order readdir tells them; kept while somebody reads it. */
  listing: Listing | null = null
  /** Where the lower parts are, when not under this name: the redirect mark of the upper. */
  redirect: string | null = null
  /** The upper carries the impure mark: some children have an origin. */
  impure = false
  /** What the index knows of the lower parts. */
  indexed: ViewSlot = UNTRIED

  constructor(
    /** null until copied up. */
    public upper: RealDir | null,
    /** Top first; empty for a pure upper. */
    public lowers: readonly RealDir[],
  ) {}

  /** Joins an upper with lowers, or several lowers: as OVL_TYPE_MERGE(). */
  get isMerge(): boolean {
    return this.lowers.length > (this.upper === null ? 1 : 0)
  }
}

/** The union's link count of a hard-link group that has names in a lower layer. */
export interface LinkGroup {
  nlink: number
}

/** Above the bits of S_IFMT. */
const IN_UPPER = 1 << 16
const HAS_ORIGIN = 1 << 17
const REMOVED = 1 << 18

export class Node extends Seldom {
  /** How often the kernel was told of it, less what it has forgotten. */
  nlookup = 0
  /** One name it has; `others` are further ones. A node without a name is removed but still in use. */
  parent: Node | null = null
  name = ''
  /** Not a directory: where the inode lies. */
  at: RealDir | null = null
  atName = ''
  /** Bytes of its content when it was last looked at. */
  size = 0
  /** S_IFMT bits, and the three below: a million nodes have them. */
  private bits: number

  constructor(
    public id: number,
    type: number,
    public ino: number,
    readonly dir: DirState | null,
  ) {
    super()
    this.bits = type
  }

  /** S_IFMT bits. */
  get type(): number {
    return this.bits & S_IFMT
  }

  /** Where the inode lies is the upper. */
  get inUpper(): boolean {
    return (this.bits & IN_UPPER) !== 0
  }
  set inUpper(value: boolean) {
    this.mark(IN_UPPER, value)
  }

  /** The upper was copied from a lower inode, as its origin mark says. */
  get hasOrigin(): boolean {
    return (this.bits & HAS_ORIGIN) !== 0
  }
  set hasOrigin(value: boolean) {
    this.mark(HAS_ORIGIN, value)
  }

  /** All its names are gone. */
  get removed(): boolean {
    return (this.bits & REMOVED) !== 0
  }
  set removed(value: boolean) {
    this.mark(REMOVED, value)
  }

  private mark(bit: number, value: boolean): void {
    this.bits = value ? this.bits | bit : this.bits & ~bit
  }

  get isUpper(): boolean {
    return this.dir === null ? this.inUpper : this.dir.upper !== null
  }
}

/**
 * A nodeid whose node goes on under another one: those who have it open read the lower file it was bound to; everything else that
 * is asked of it is asked of the node.
 */
export class Ghost {
  constructor(
    readonly id: number,
    readonly node: Node,
    public nlookup: number,
    public opens: number,
    public backing: number,
    /** Where the content lies. */
    readonly dir: RealDir,
    readonly name: string,
  ) {}
}

export const ROOT_ID = 1

/** Every live node, by id and, for hard links, by what it is on disk. */
export class NodeTable {
  readonly #byId = new ById<Node>()
  readonly #byKey = new Map<string, Node>()
  readonly #ghosts = new Map<number, Ghost>()
  #next = ROOT_ID

  get size(): number {
    return this.#byId.size
  }

  /** Also by a nodeid that has become a ghost. */
  get(id: number): Node | undefined {
    return this.#byId.get(id) ?? this.#ghosts.get(id)?.node
  }

  ghost(id: number): Ghost | undefined {
    return this.#ghosts.size === 0 ? undefined : this.#ghosts.get(id)
  }

  /** `node` goes on under a new nodeid; opens and lookups so far stay with the old one, and with the content in (dir, name). */
  split(node: Node, dir: RealDir, name: string): Ghost {
    const ghost = new Ghost(node.id, node, node.nlookup, node.opens, node.backing, dir, name)
    this.#ghosts.set(node.id, ghost)
    this.#byId.delete(node.id)
    node.id = this.#next++
    this.#byId.set(node.id, node)
    node.nlookup = 0
    node.opens = 0
    node.writers = 0
    node.backing = 0
    node.ghosts++
    return ghost
  }

  deleteGhost(ghost: Ghost): void {
    if (this.#ghosts.delete(ghost.id)) ghost.node.ghosts--
  }

  create(type: number, ino: number, dir: DirState | null): Node {
    const node = new Node(this.#next++, type, ino, dir)
    this.#byId.set(node.id, node)
    return node
  }

  /** The node of a real inode with several names. */
  byKey(key: string): Node | undefined {
    return this.#byKey.get(key)
  }

  addKey(node: Node, key: string): void {
    if (this.#byKey.get(key) === node) return
    this.#byKey.set(key, node)
    node.keys = [...(node.keys ?? []), key]
  }

  /** Forgets a node for good. */
  delete(node: Node): void {
    this.#byId.delete(node.id)
    for (const key of node.keys ?? []) if (this.#byKey.get(key) === node) this.#byKey.delete(key)
  }

  values(): IterableIterator<Node> {
    return this.#byId.values()
  }
}

/** Gives `node` the name `name` in `parent`. */
export function addName(node: Node, parent: Node, name: string): void {
  parent.dir!.children.set(name, node)
  if (node.parent === null) {
    node.parent = parent
    node.name = name
  } else if (node.parent !== parent || node.name !== name) {
    node.others ??= []
    node.others.push({ parent, name })
  }
  node.removed = false
}

/** Takes one name from `node`; returns whether it has another one that is known. */
export function dropName(node: Node, parent: Node, name: string): boolean {
  parent.dir!.children.delete(name)
  if (node.parent === parent && node.name === name) {
    const next = node.others?.pop()
    node.parent = next?.parent ?? null
    node.name = next?.name ?? ''
  } else if (node.others !== null) {
    node.others = node.others.filter((alias) => alias.parent !== parent || alias.name !== name)
  }
  return node.parent !== null
}
