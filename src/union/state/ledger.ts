/**
 * What the kernel knows of a mount, kept where the next process finds it: which nodeid is which name, how often it was
 * told of it, what is open, under which backing id. The engine calls this one module wherever that changes. A mount
 * that does not outlive its process has none (`null`), and pays for nothing.
 *
 * Counts that a request changes are noted in the journal before: if the kernel never gets its answer it sends the
 * request again, and they are taken back first.
 */
import { KeptForgets } from './forgets.js'
import { Journal } from './journal.js'
import type { Listed, ListedGhost } from './listed.js'
import { type StateMemory, Word } from './memory.js'
import { Parking } from './parking.js'
import { joined, placeOf } from './place-of.js'
import { Field, NAME_BYTES, type SlotContent, SlotFlag, Slots } from './slots.js'

export class Ledger {
  readonly slots: Slots
  readonly journal: Journal
  readonly parking: Parking
  readonly forgets: KeptForgets
  /** Of nodes with further names: those names' slots. */
  readonly #aliases = new Map<number, number[]>()
  readonly #listings = new Map<number, number>()

  constructor(
    readonly memory: StateMemory,
    sockets: { readonly into: number; readonly from: number },
    lost: (errno: number) => void,
  ) {
    this.slots = new Slots(memory)
    this.journal = new Journal(memory)
    this.forgets = new KeptForgets(memory)
    this.parking = new Parking(sockets.into, sockets.from, lost)
  }

  /** The kernel is about to be told of `node`: its count has risen. */
  told(node: Listed): void {
    const { slot, parent, name } = node
    if (slot !== 0) this.slots.tell(slot, 0, 0, 0, 0, node.nlookup, '')
    else if (node.isUsual && parent !== null && !node.removed && name.length <= NAME_BYTES)
      node.slot = this.slots.tell(0, node.id, parent.id, node.ino, node.type, node.nlookup, name)
    else this.#toldFirst(node)
  }

  #toldFirst(node: Listed): void {
    if (node.slot === 0) {
      const content = contentOf(node)
      content.lookups = 0
      node.slot = this.slots.write(content)
      if (node.others !== null) this.#writeAliases(node)
    }
    this.journal.note(node.slot, Field.LOOKUPS, node.nlookup - 1)
    this.slots.set(node.slot, Field.LOOKUPS, node.nlookup)
  }

  /** Its count has fallen. */
  forgotten(node: { readonly slot: number; readonly nlookup: number }): void {
    if (node.slot === 0) return
    this.journal.noteForget(node.slot, Field.LOOKUPS, this.slots.get(node.slot, Field.LOOKUPS))
    this.slots.set(node.slot, Field.LOOKUPS, node.nlookup)
  }

  /** What is open of it has changed. */
  opened(node: Listed): void {
    if (node.slot === 0) {
      const content = contentOf(node)
      content.opens = 0
      content.writers = 0
      content.backing = 0
      node.slot = this.slots.write(content)
    }
    this.#count(node.slot, Field.BACKING, node.backing)
    this.#count(node.slot, Field.OPENS, node.opens)
    this.#count(node.slot, Field.WRITERS, node.writers)
    const flags = this.slots.get(node.slot, Field.FLAGS) & ~SlotFlag.LOWER_BACKING
    this.slots.set(node.slot, Field.FLAGS, flags | (isLowerBacked(node) ? SlotFlag.LOWER_BACKING : 0))
  }

  #count(slot: number, field: number, value: number): void {
    const before = this.slots.get(slot, field)
    if (before === value) return
    this.journal.note(slot, field, before)
    this.slots.set(slot, field, value)
  }

  /** A backing id is there, of which no slot says so yet. */
  backed(id: number): void {
    this.memory.words[Word.LAST_BACKING] = id
  }

  /** It is found by what it is on disk from now on. */
  keyed(node: { readonly slot: number }): void {
    if (node.slot === 0) return
    this.slots.set(node.slot, Field.FLAGS, this.slots.get(node.slot, Field.FLAGS) | SlotFlag.KEYED)
  }

  /** Names, or what they say of where it lies, have changed: written anew, and the old slot freed after that. */
  renamed(node: Listed): void {
    if (node.slot === 0) return
    const before = node.slot
    const content = contentOf(node)
    content.flags |= this.slots.get(before, Field.FLAGS) & (SlotFlag.MAPPABLE | SlotFlag.FILLING)
    node.slot = this.slots.write(content)
    this.slots.free(before)
    this.freeAliases(node.id)
    if (node.others !== null) this.#writeAliases(node)
    // One that keeps its descriptor is not parked again when it loses its last name.
    if (node.parent !== null && node.unlinkedFd < 0) this.parking.release(node.id)
  }

  #writeAliases(node: Listed): void {
    const slots = node.others!.map(({ parent, name }) =>
      this.slots.write({ ...NAMED_ONLY, id: node.id, parent: parent.id, name }),
    )
    if (slots.length > 0) this.#aliases.set(node.id, slots)
  }

  /** Slots of further names, found by a new process. */
  adoptAlias(id: number, slot: number): void {
    this.#aliases.set(id, [...(this.#aliases.get(id) ?? []), slot])
  }

  freeAliases(id: number): void {
    for (const slot of this.#aliases.get(id) ?? []) this.slots.free(slot)
    this.#aliases.delete(id)
  }

  /** A directory's names have been told in part, in the order that `text` has (nodes/listing.ts). */
  keepListing(id: number, text: string): void {
    const before = this.#listings.get(id)
    this.#listings.set(id, this.slots.write({ ...NAMED_ONLY, flags: SlotFlag.LISTING, id, parent: 0, name: text }))
    if (before !== undefined) this.slots.free(before)
  }

  hasListing(id: number): boolean {
    return this.#listings.has(id)
  }

  /** The order in which its names were told; null: in none that matters. */
  listingOf(id: number): string | null {
    const slot = this.#listings.get(id)
    return slot === undefined ? null : this.slots.name(slot)
  }

  dropListing(id: number): void {
    const slot = this.#listings.get(id)
    if (slot !== undefined && this.#listings.delete(id)) this.slots.free(slot)
  }

  /** One that a new process has found. */
  adoptListing(slot: number): void {
    this.#listings.set(this.slots.id(slot), slot)
  }

  /** Nodeids of directories that have one. */
  get listed(): readonly number[] {
    return [...this.#listings.keys()]
  }

  /** The node is gone. */
  freed(node: Listed): void {
    this.parking.release(node.id)
    if (this.#listings.size > 0) this.dropListing(node.id)
    if (node.slot === 0) return
    this.slots.free(node.slot)
    this.freeAliases(node.id)
    node.slot = 0
  }

  /** `node` goes on under a new nodeid, `ghost` has its old one. */
  split(ghost: ListedGhost, node: Listed): void {
    ghost.slot = this.slots.write(ghostContent(ghost))
    if (node.slot !== 0) {
      const before = node.slot
      node.slot = this.slots.write(contentOf(node))
      this.slots.free(before)
    }
    const aliases = this.#aliases.get(ghost.id)
    if (aliases === undefined) return
    this.freeAliases(ghost.id)
    this.#writeAliases(node)
  }

  ghostChanged(ghost: ListedGhost): void {
    this.slots.set(ghost.slot, Field.LOOKUPS, ghost.nlookup)
    this.#count(ghost.slot, Field.OPENS, ghost.opens)
    this.slots.set(ghost.slot, Field.BACKING, ghost.backing)
  }

  ghostFreed(ghost: ListedGhost): void {
    this.slots.free(ghost.slot)
  }

  /** Its content lies elsewhere from now on. */
  ghostMoved(ghost: ListedGhost): void {
    const before = ghost.slot
    ghost.slot = this.slots.write(ghostContent(ghost))
    this.slots.free(before)
  }

  /** Of a file that is passed through its layer has become a lower one. */
  sunk(node: Listed): void {
    if (node.slot === 0 || !isLowerBacked(node)) return
    this.slots.set(node.slot, Field.FLAGS, this.slots.get(node.slot, Field.FLAGS) | SlotFlag.LOWER_BACKING)
  }

  /** It is written to while it is copied up; `isOn`: from now on, or no more. */
  fills(node: Listed, isOn: boolean): void {
    if (node.slot === 0 && isOn) node.slot = this.slots.write(contentOf(node))
    if (node.slot === 0) return
    const flags = this.slots.get(node.slot, Field.FLAGS) & ~SlotFlag.FILLING
    this.slots.set(node.slot, Field.FLAGS, flags | (isOn ? SlotFlag.FILLING : 0))
  }

  /** A mapping may write to it by what is passed through, also after its last close. */
  mappable(node: { readonly slot: number }): void {
    if (node.slot === 0) return
    this.slots.set(node.slot, Field.FLAGS, this.slots.get(node.slot, Field.FLAGS) | SlotFlag.MAPPABLE)
  }

  /**
   * All that the kernel knows means nothing from now on, by one store. Descriptors that are kept for it are let go of;
   * the caller closes them.
   */
  voidAll(): void {
    this.memory.voidAll()
    this.parking.end()
    this.#aliases.clear()
    this.#listings.clear()
  }

  /** Before `node` loses its last name while it is in use: `fd` leads to it. */
  park(node: Listed, fd: number): void {
    this.parking.park(node.id, fd)
  }
}

const NAMED_ONLY = { ino: 0, flags: SlotFlag.ALIAS, lookups: 0, opens: 0, writers: 0, backing: 0 }

function isLowerBacked(node: Listed): boolean {
  const at = node.contentDir ?? node.inodeDir
  return node.backing > 0 && at !== null && !at.layer.isUpper
}

/** One for all: a slot is written for each node that the kernel is told of. */
const scratch: { -readonly [K in keyof SlotContent]: SlotContent[K] } = {
  id: 0,
  parent: 0,
  ino: 0,
  flags: 0,
  lookups: 0,
  opens: 0,
  writers: 0,
  backing: 0,
  name: '',
}

function flagsOf(node: Listed): number {
  let flags = node.type
  if (node.removed) flags |= SlotFlag.REMOVED
  if (node.keys !== null) flags |= SlotFlag.KEYED
  if (node.backing > 0 && isLowerBacked(node)) flags |= SlotFlag.LOWER_BACKING
  return flags
}

/** Valid until the next call. */
export function contentOf(node: Listed): typeof scratch {
  scratch.id = node.id
  scratch.ino = node.ino
  scratch.opens = node.opens
  scratch.writers = node.writers
  scratch.backing = node.backing
  scratch.lookups = node.nlookup
  scratch.flags = flagsOf(node)
  if (node.parent !== null) {
    scratch.parent = node.parent.id
    scratch.name = node.name
    return scratch
  }
  const place = placeOf(node)
  scratch.parent = place === null ? 0 : place.layer
  scratch.name = place === null ? '' : place.path
  scratch.flags |= SlotFlag.NAMELESS | (place === null ? 0 : SlotFlag.PLACED)
  return scratch
}

function ghostContent(ghost: ListedGhost): SlotContent {
  const { id, node, nlookup: lookups, opens, backing, dir, name } = ghost
  const counts = { id, lookups, opens, writers: 0, backing }
  const path = `${dir.layer.number}:${joined(dir.path(), name)}`
  return { ...counts, parent: node.id, ino: 0, flags: SlotFlag.GHOST, name: path }
}
