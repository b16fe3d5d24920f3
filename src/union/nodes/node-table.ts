/**
 * Every node of a mount: by the nodeid that the kernel was told, by what a hard link is on disk, and by nodeids that a
 * node had before (ghosts).
 */

import type { LayerDir } from '../../layers/layer-dir.js'
import { FUSE_ROOT_ID } from '../../protocol/opcodes.js'
import type { Ledger } from '../state/ledger.js'
import { ById } from './id-map.js'
import { type DirState, Node } from './node.js'

/**
 * A nodeid whose node goes on under another one. Those who have it open read the lower file it was bound to. Everything
 * else that is asked of it is asked of the node.
 */
export class StaleNodeid {
  /** Where the ledger has it. */
  slot = 0

  constructor(
    readonly id: number,
    readonly node: Node,
    public nlookup: number,
    public opens: number,
    public backing: number,
    /** Where the content lies. */
    public dir: LayerDir,
    public name: string,
  ) {}
}

/** How many nodeids are noted in the ledger at once. */
const PROMISED = 1024

/** Every live node, by id and, for hard links, by what it is on disk. */
export class NodeTable {
  readonly #byId = new ById<Node>()
  readonly #byKey = new Map<string, Node>()
  readonly #ghosts = new Map<number, StaleNodeid>()
  #next = FUSE_ROOT_ID
  /** The process after this one gives out nodeids from here on. */
  #promised = 0
  /** The nodeid of the next node that is made, where it had one before; 0: a new one. */
  #reserved = 0
  /** Keeps what the kernel knows for the next process; null: this mount ends with its own. */
  ledger: Ledger | null = null
  /** Finds a node that the process before this one knew; null: there is none left. */
  missing: ((id: number) => Node | undefined) | null = null
  /** Nodeids of those that nobody has asked for yet. */
  waiting: { waiting(isAll: boolean): readonly number[] } | null = null

  get size(): number {
    return this.#byId.size
  }

  /** Also by a nodeid that has become a ghost. */
  get(id: number): Node | undefined {
    return this.#byId.get(id) ?? this.#ghosts.get(id)?.node ?? this.missing?.(id)
  }

  /** Makes what the process before this one knew: all, or what no name leads to, or is open. */
  makeWaiting(isAll: boolean): void {
    for (const id of this.waiting?.waiting(isAll) ?? []) this.get(id)
  }

  ghost(id: number): StaleNodeid | undefined {
    return this.#ghosts.size === 0 ? undefined : this.#ghosts.get(id)
  }

  /**
   * `node` goes on under a new nodeid; opens and lookups so far stay with the old one, and with the content in (dir,
   * name).
   */
  split(node: Node, dir: LayerDir, name: string): StaleNodeid {
    const ghost = new StaleNodeid(node.id, node, node.nlookup, node.opens, node.backing, dir, name)
    this.#ghosts.set(node.id, ghost)
    this.#byId.delete(node.id)
    node.id = this.#newId()
    this.#byId.set(node.id, node)
    node.nlookup = 0
    node.opens = 0
    node.writers = 0
    node.backing = 0
    node.ghosts++
    this.ledger?.split(ghost, node)
    return ghost
  }

  ghosts(): Iterable<StaleNodeid> {
    return this.#ghosts.values()
  }

  /** New nodes get nodeids that none of `other`'s has had. */
  continueAfter(other: NodeTable): void {
    this.#next = other.#next
    this.#promised = other.#promised
    this.ledger = other.ledger
    other.ledger = null
    other.missing = null
    other.waiting = null
  }

  /** A nodeid of `node` as the process before this one left it. */
  adoptGhost(ghost: StaleNodeid): void {
    this.#ghosts.set(ghost.id, ghost)
    ghost.node.ghosts++
  }

  deleteGhost(ghost: StaleNodeid): void {
    if (!this.#ghosts.delete(ghost.id)) return
    ghost.node.ghosts--
    this.ledger?.ghostFreed(ghost)
  }

  create(type: number, ino: number, dir: DirState | null): Node {
    const node = new Node(this.#newId(), type, ino, dir)
    this.#byId.set(node.id, node)
    return node
  }

  #newId(): number {
    const reserved = this.#reserved
    this.#reserved = 0
    if (reserved !== 0) return reserved
    const id = this.#next++
    if (id >= this.#promised && this.ledger !== null) {
      this.#promised = id + PROMISED
      this.ledger.memory.nextId = this.#promised
    }
    return id
  }

  /** The next node gets the nodeid `id`; 0: a new one. */
  reserve(id: number): void {
    this.#reserved = id
  }

  /** From now on nodeids begin with `id`. */
  startAt(id: number): void {
    this.#next = id
  }

  /** The node that is known already. */
  known(id: number): Node | undefined {
    return this.#byId.get(id)
  }

  /** The node of a real inode with several names. */
  byKey(key: string): Node | undefined {
    return this.#byKey.get(key)
  }

  addKey(node: Node, key: string): void {
    if (this.#byKey.get(key) === node) return
    this.#byKey.set(key, node)
    node.keys = [...(node.keys ?? []), key]
    this.ledger?.keyed(node)
  }

  /** `node` is found under `after` where it was found under `before`: it is another inode on disk. */
  changeKey(node: Node, before: string, after: string): void {
    this.#byKey.delete(before)
    node.keys = (node.keys ?? []).filter((key) => key !== before)
    this.addKey(node, after)
  }

  get anyLinked(): boolean {
    return this.#byKey.size > 0
  }

  /** Those that have, or had, several names, by what they are on disk. */
  linked(): Iterable<[string, Node]> {
    return this.#byKey
  }

  /** Forgets a node for good. */
  delete(node: Node): void {
    this.#byId.delete(node.id)
    this.ledger?.freed(node)
    for (const key of node.keys ?? []) if (this.#byKey.get(key) === node) this.#byKey.delete(key)
  }

  values(): IterableIterator<Node> {
    return this.#byId.values()
  }
}
