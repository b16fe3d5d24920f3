/**
 * Nodes of the process before this one, made again when somebody asks for them: by their nodeid, or by their name in a
 * directory. Where a node lies is looked for on disk, as at any lookup, so what counts is what is there. Nodeid, inode
 * number, counts and backing come from its slot.
 *
 * A node without a name is reached by its parked descriptor, or where it lies in a lower layer. Hard links and old
 * nodeids are made at once, for others are compared with them.
 */
import { LayerDir } from '../../layers/layer-dir.js'
import { S_IFDIR, S_IFMT } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { statNode, type Union } from '../context/union.js'
import { mapName } from '../copy-up/kept-fill.js'
import { splitNodeid } from '../data/backing.js'
import { nodeAt, placeFile } from '../lookup/lookup.js'
import type { LaterChildren } from '../nodes/children.js'
import { inodeKey } from '../nodes/inode-numbers.js'
import { addName, DirState, type Node } from '../nodes/node.js'
import { StaleNodeid } from '../nodes/node-table.js'
import type { Ledger } from '../state/ledger.js'
import { sweepVoid } from '../state/other-tree.js'
import { Field, SlotFlag } from '../state/slots.js'
import { goOnFilling, type KeptFill, keptFills, pinOf } from './fills.js'
import { followMerge } from './follow-merge.js'
import { SlotIndex } from './slot-index.js'

/** Where the hard-link index is, in the words of a slot. */
const INDEX_LAYER = -1

export class Restorer {
  readonly index: SlotIndex
  /** Files that are written to while they are copied up, by nodeid. */
  readonly #fills: Map<number, KeptFill>

  constructor(
    readonly u: Union,
    readonly ledger: Ledger,
    /** Parked files by nodeid; what is not asked for is closed with the mount. */
    readonly parked: Map<number, number>,
  ) {
    ledger.slots.settle()
    for (const _ of sweepVoid(ledger, (id) => u.binding.closeBacking(id)));
    if (u.config.merged !== undefined) followMerge(ledger, u.config.merged)
    this.index = new SlotIndex(ledger)
    this.#fills = keptFills(u)
    this.index.keepFilling(this.#fills)
  }

  /** From now on nodes are found here that the engine does not know. */
  start(): void {
    const { u } = this
    u.nodes.startAt(this.ledger.memory.nextId)
    u.nodes.missing = (id) => this.#node(id)
    u.nodes.waiting = this.index
    u.root.dir!.children.later = this.#laterIn(u.root)
  }

  /** What was in hand is settled: makes those that others are compared with. */
  begin(): void {
    const { u, index } = this
    for (const id of index.keyed) u.nodes.get(id)
    for (const slot of index.ghosts) this.#ghost(slot)
    for (const fill of this.#fills.values()) this.#fill(fill)
    const { slots } = this.ledger
    for (const [id, fd] of this.parked) {
      const slot = index.slotOf(id)
      // Of those that have a name after all, lie in a layer, or are forgotten, nothing is kept.
      const where = slot === 0 ? 0 : slots.get(slot, Field.FLAGS) & (SlotFlag.NAMELESS | SlotFlag.PLACED)
      if (where !== SlotFlag.NAMELESS) this.#unpark(id, fd)
      else if (u.limit !== null) this.#count(id, fd)
    }
  }

  /** The file that was kept for `id` is not the one that is asked for. */
  #unpark(id: number, fd: number): void {
    this.ledger.parking.release(id)
    native.close(fd)
    this.parked.delete(id)
  }

  #fill(fill: KeptFill): void {
    const { u } = this
    const node = u.nodes.get(fill.node)
    const place = this.#place(fill.layer, fill.path)
    const dir = place === null ? -1 : u.cache.fd(place.dir)
    if (node?.filling === null && !node.isUpper && dir >= 0 && goOnFilling(u, node, fill, { dir, name: place!.name }))
      return
    u.log('error', 'what was written to a file while it was copied up is lost', { name: node?.name ?? '' })
    if (node !== undefined) this.ledger.fills(node, false)
    for (const name of [fill.name, mapName(fill.name)]) u.writable!.work.discard(name)
  }

  /** No walk through the upper meets it: only who is a node is counted. */
  #count(id: number, fd: number): void {
    this.u.nodes.get(id)
    this.u.limit!.parked(fd)
  }

  #node(id: number): Node | undefined {
    const { slots } = this.ledger
    const way: number[] = []
    // Down from the nearest one that is known: a tree may be deeper than the stack.
    for (let at = id; this.u.nodes.known(at) === undefined; ) {
      const slot = this.index.slotOf(at)
      if (slot === 0) return undefined
      way.push(at)
      if ((slots.get(slot, Field.FLAGS) & SlotFlag.NAMELESS) !== 0) break
      at = slots.parent(slot)
    }
    for (let at = way.pop(); at !== undefined; at = way.pop()) if (!this.#make(at)) return undefined
    return this.u.nodes.known(id)
  }

  /** Makes the node whose parent is known, or that has none. */
  #make(id: number): boolean {
    const { slots } = this.ledger
    const slot = this.index.slotOf(id)
    if (slot === 0) return this.u.nodes.known(id) !== undefined
    if ((slots.get(slot, Field.FLAGS) & SlotFlag.NAMELESS) !== 0) return this.#makeNameless(slot)
    const parent = this.u.nodes.known(slots.parent(slot))
    return parent?.dir != null && this.#makeNamed(slot, parent) !== undefined
  }

  /** The node of `slot` under its name in `parent`; undefined where nothing like it is there any more. */
  #makeNamed(slot: number, parent: Node): Node | undefined {
    const { u, index } = this
    const { slots } = this.ledger
    const id = slots.id(slot)
    const name = slots.name(slot)
    const type = slots.get(slot, Field.FLAGS) & S_IFMT
    index.dropName(parent.id, name)
    index.dropNode(id)
    u.nodes.reserve(id)
    const node = nodeAt(u, parent, name, 0)
    u.nodes.reserve(0)
    if (typeof node === 'number' || node.id !== id || node.type !== type) {
      u.log('warn', 'a file is not where it was', { name, errno: typeof node === 'number' ? node : 0 })
      slots.free(slot)
      return undefined
    }
    this.#adopt(node, slot)
    for (const alias of index.aliasesOf(id)) this.#adoptAlias(node, alias)
    if (node.dir !== null) node.dir.children.later = this.#laterIn(node)
    return node
  }

  #adopt(node: Node, slot: number): void {
    const { slots } = this.ledger
    node.slot = slot
    node.nlookup = slots.get(slot, Field.LOOKUPS)
    node.opens = slots.get(slot, Field.OPENS)
    node.writers = slots.get(slot, Field.WRITERS)
    node.backing = slots.get(slot, Field.BACKING)
    if (slots.ino(slot) !== 0) node.ino = slots.ino(slot)
    const flags = slots.get(slot, Field.FLAGS)
    if ((flags & SlotFlag.LOWER_BACKING) === 0) {
      // Its upper became a snapshot, and died before it said so here.
      if (node.backing > 0) this.ledger.sunk(node)
    } else if (node.inUpper && node.contentDir === null) this.#splitLate(node)
    if (node.writers > 0 && node.backing > 0) this.u.passedToWriters.add(node)
    if ((flags & SlotFlag.MAPPABLE) !== 0) this.u.perhapsMapped.add(node)
  }

  /** It was copied up, and died before its old nodeid was split off. */
  #splitLate(node: Node): void {
    const { u } = this
    const parent = node.parent
    if (parent === null) return
    for (const lower of parent.dir!.lowers) {
      const fd = u.cache.fd(lower)
      if (fd < 0 || native.statat(fd, node.name) < 0) continue
      splitNodeid(u, node, lower, node.name)
      return
    }
  }

  #adoptAlias(node: Node, alias: number): void {
    const { slots } = this.ledger
    const parent = this.u.nodes.get(slots.parent(alias))
    const name = slots.name(alias)
    this.index.dropName(slots.parent(alias), name)
    if (parent?.dir == null) return slots.free(alias)
    this.ledger.adoptAlias(node.id, alias)
    const slot = node.slot
    node.slot = 0
    addName(node, parent, name)
    node.slot = slot
  }

  #makeNameless(slot: number): boolean {
    const { u, index } = this
    const { slots } = this.ledger
    const id = slots.id(slot)
    const flags = slots.get(slot, Field.FLAGS)
    const type = flags & S_IFMT
    index.dropNode(id)
    const fill = this.#fills.get(id)
    // A copy-up of it that was not brought to its end is made once more.
    const half = (flags & SlotFlag.PLACED) !== 0 ? this.parked.get(id) : undefined
    if (half !== undefined) this.#unpark(id, half)
    const fd = this.parked.get(id) ?? (fill === undefined ? -1 : pinOf(u, fill))
    this.parked.delete(id)
    const place = (flags & SlotFlag.PLACED) !== 0 ? this.#place(slots.parent(slot), slots.name(slot)) : null
    if (fd < 0 && place === null) {
      slots.free(slot)
      return false
    }
    u.nodes.reserve(id)
    const node = u.nodes.create(type, slots.ino(slot), type === S_IFDIR ? this.#removedDir(fd, place) : null)
    u.nodes.reserve(0)
    node.removed = (flags & SlotFlag.REMOVED) !== 0
    if (type !== S_IFDIR && place !== null) placeFile(node, place.dir, place.name)
    else node.unlinkedFd = fd
    // It may have a name that nobody has asked for since.
    if ((flags & SlotFlag.KEYED) !== 0 && statNode(u, node) >= 0) u.nodes.addKey(node, inodeKey(native.stat))
    if (place === null) node.inUpper = type !== S_IFDIR && fill === undefined
    this.#adopt(node, slot)
    return true
  }

  /** A directory that was removed: it shows nothing, and has its attributes. */
  #removedDir(fd: number, place: Place | null): DirState {
    if (place !== null) return new DirState(null, [new LayerDir(place.dir.layer, place.dir, place.name)])
    const { layer } = this.u.writable!
    const dir = new LayerDir(layer, layer.root, '')
    dir.fd = fd
    dir.pinned = true
    return new DirState(dir, [])
  }

  #place(layer: number, path: string): Place | null {
    const { u } = this
    if (layer === INDEX_LAYER) {
      const index = u.writable?.work.index ?? null
      return index === null ? null : { dir: index, name: path.slice(path.indexOf('/') + 1) }
    }
    const all = [...u.lowers, ...u.dataLayers]
    const root = all.find(({ number }) => number === layer)?.root
    if (root === undefined) return null
    const names = path.split('/')
    const name = names.pop()!
    let dir = root
    for (const each of names) dir = new LayerDir(dir.layer, dir, each)
    return { dir, name }
  }

  #ghost(slot: number): void {
    const { u } = this
    const { slots } = this.ledger
    const node = u.nodes.get(slots.parent(slot))
    const [, layer = '', path = ''] = /^(-?\d+):(.*)$/s.exec(slots.name(slot)) ?? []
    const place = node === undefined ? null : this.#place(Number(layer), path)
    if (node === undefined || place === null) return slots.free(slot)
    const [lookups, opens] = [slots.get(slot, Field.LOOKUPS), slots.get(slot, Field.OPENS)]
    const backing = slots.get(slot, Field.BACKING)
    const ghost = new StaleNodeid(slots.id(slot), node, lookups, opens, backing, place.dir, place.name)
    ghost.slot = slot
    u.nodes.adoptGhost(ghost)
  }

  #laterIn(parent: Node): LaterChildren<Node> {
    const { index, u } = this
    const size = () => index.namesIn(parent.id)?.size ?? 0
    return {
      get size() {
        return size()
      },
      take: (name) => {
        const slot = index.namesIn(parent.id)?.get(name)
        if (slot === undefined) return undefined
        const id = this.ledger.slots.id(slot)
        const isAlias = (this.ledger.slots.get(slot, Field.FLAGS) & SlotFlag.ALIAS) !== 0
        const node = isAlias ? u.nodes.get(id) : this.#makeNamed(slot, parent)
        // Others were made on the way: what attributes were read last is not known.
        u.attrFresh = false
        return node
      },
      drop: (name) => index.dropName(parent.id, name),
    }
  }
}

interface Place {
  readonly dir: LayerDir
  readonly name: string
}
