/**
 * The slots that the process before this one left, by nodeid and by name. Nodes are made of them one by one, when
 * somebody asks; a slot that has become a node is the ledger's again.
 */
import { FUSE_ROOT_ID } from '../../protocol/opcodes.js'
import type { Ledger } from '../state/ledger.js'
import { Field, SlotFlag } from '../state/slots.js'

export class SlotIndex {
  readonly #byId = new Map<number, number>()
  readonly #aliases = new Map<number, number[]>()
  readonly #named = new Map<number, Map<string, number>>()
  readonly ghosts: number[] = []
  /** Nodeids that must be nodes before anything is looked up: they are found by what they are on disk. */
  readonly keyed: number[] = []

  constructor(private readonly ledger: Ledger) {
    const { slots } = ledger
    for (let slot = 1; slot < slots.end; slot++) if (slots.id(slot) > 0) this.#add(slot)
  }

  #add(slot: number): void {
    const { slots } = this.ledger
    const id = slots.id(slot)
    const flags = slots.get(slot, Field.FLAGS)
    if ((flags & SlotFlag.LISTING) !== 0) return this.ledger.adoptListing(slot)
    if ((flags & SlotFlag.GHOST) !== 0) {
      this.ghosts.push(slot)
      return
    }
    if ((flags & SlotFlag.ALIAS) !== 0) this.#aliases.set(id, [...(this.#aliases.get(id) ?? []), slot])
    else this.#byId.set(id, slot)
    if ((flags & SlotFlag.NAMELESS) === 0) this.#nameOf(slots.parent(slot)).set(slots.name(slot), slot)
    if ((flags & SlotFlag.KEYED) !== 0) this.keyed.push(id)
  }

  #nameOf(parent: number): Map<string, number> {
    let names = this.#named.get(parent)
    if (names === undefined) {
      names = new Map()
      this.#named.set(parent, names)
    }
    return names
  }

  /** The slot of a node that is none yet; 0: there is none. */
  slotOf(id: number): number {
    return this.#byId.get(id) ?? 0
  }

  /** Slots of its further names. */
  aliasesOf(id: number): readonly number[] {
    return this.#aliases.get(id) ?? []
  }

  /** Names in the directory `parent`; live. */
  namesIn(parent: number): ReadonlyMap<string, number> | undefined {
    return this.#named.get(parent)
  }

  /** The name is taken, or means something else. */
  dropName(parent: number, name: string): void {
    const names = this.#named.get(parent)
    if (names?.delete(name) && names.size === 0) this.#named.delete(parent)
  }

  /** Nodeids of nodes that are none yet: all, or those that lie where no name leads, or are open. */
  waiting(isAll: boolean): number[] {
    const { slots } = this.ledger
    const isSpecial = (slot: number): boolean => {
      const flags = slots.get(slot, Field.FLAGS)
      if ((flags & (SlotFlag.NAMELESS | SlotFlag.MAPPABLE)) !== 0) return true
      return slots.get(slot, Field.OPENS) > 0 || slots.get(slot, Field.BACKING) > 0
    }
    return [...this.#byId].flatMap(([id, slot]) => (isAll || isSpecial(slot) ? [id] : []))
  }

  /** Its slot is a node's from now on, or freed. */
  dropNode(id: number): void {
    this.#byId.delete(id)
  }

  /** Writes the slot of a node anew, under another name or none. */
  replace(slot: number, change: { parent: number; name: string; flags: number }): number {
    const { slots } = this.ledger
    const content = { ...slots.content(slot), ...change }
    this.#unname(slot)
    const fresh = slots.write(content)
    slots.free(slot)
    this.#byId.set(content.id, fresh)
    if ((content.flags & SlotFlag.NAMELESS) === 0) this.#nameOf(content.parent).set(content.name, fresh)
    return fresh
  }

  /** A further name is another one. */
  replaceAlias(slot: number, parent: number, name: string): void {
    const { slots } = this.ledger
    const content = { ...slots.content(slot), parent, name }
    const fresh = slots.write(content)
    this.free(slot)
    this.#aliases.set(content.id, [...this.aliasesOf(content.id), fresh])
    this.#nameOf(parent).set(name, fresh)
  }

  #unname(slot: number): void {
    const { slots } = this.ledger
    const [parent, name] = [slots.parent(slot), slots.name(slot)]
    if (this.#named.get(parent)?.get(name) === slot) this.dropName(parent, name)
  }

  free(slot: number): void {
    const { slots } = this.ledger
    const id = slots.id(slot)
    const isAlias = (slots.get(slot, Field.FLAGS) & SlotFlag.ALIAS) !== 0
    this.#unname(slot)
    if (isAlias)
      this.#aliases.set(
        id,
        (this.#aliases.get(id) ?? []).filter((each) => each !== slot),
      )
    else this.#byId.delete(id)
    slots.free(slot)
  }

  /** Of nodes that are not among `fills` any more nobody goes on copying up. */
  keepFilling(fills: ReadonlyMap<number, unknown>): void {
    const { slots } = this.ledger
    for (const [id, slot] of this.#byId) {
      const flags = slots.get(slot, Field.FLAGS)
      if ((flags & SlotFlag.FILLING) !== 0 && !fills.has(id)) slots.set(slot, Field.FLAGS, flags & ~SlotFlag.FILLING)
    }
  }

  /** Frees what neither the kernel nor a name below needs: what was counted and taken back. */
  sweep(): void {
    for (const slot of [...this.#byId.values()]) this.#sweepFrom(slot)
    for (const id of this.ledger.listed) if (id !== FUSE_ROOT_ID && !this.#byId.has(id)) this.ledger.dropListing(id)
  }

  #sweepFrom(start: number): void {
    const { slots } = this.ledger
    for (let slot = start; slot !== 0; ) {
      const id = slots.id(slot)
      if (id <= 0 || slots.get(slot, Field.LOOKUPS) > 0 || slots.get(slot, Field.OPENS) > 0) return
      if (this.#named.has(id) || (slots.get(slot, Field.FLAGS) & SlotFlag.FILLING) !== 0) return
      const isNamed = (slots.get(slot, Field.FLAGS) & SlotFlag.NAMELESS) === 0
      const parent = isNamed ? slots.parent(slot) : 0
      for (const alias of [...this.aliasesOf(id)]) this.free(alias)
      this.free(slot)
      slot = this.slotOf(parent)
    }
  }
}
