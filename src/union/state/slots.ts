/**
 * Slots of 80 bytes in the memory that outlives the process: one for each node that the kernel knows, for each further
 * name of one, and for each nodeid that a node had before. A name of more than 32 bytes goes on in further slots.
 *
 * f64 nodeid @0 (0: free; written last) · f64 parent @8 · f64 inode number @16 · u32 kind, type and flags @24 ·
 * u32 lookups @28 · u32 opens @32 · u32 writers @36 · u32 backing @40 · u32 next slot of the name @44 ·
 * u32 sequence @48 · u32 length of the name @52 · 24 bytes of the name @56
 * A slot that goes on with a name: f64 -1 @0 · u32 next @8 · 68 bytes @12
 */
import { native } from '../../syscalls/native.js'
import { SLOTS_AT, type StateMemory, Word } from './memory.js'

const WORDS = 20
const BYTES = WORDS * 4
const CHUNK = 4096
const CHUNK_SHIFT = 12
const CHUNK_BYTES = CHUNK * BYTES

/** Words of a slot. */
export const Field = { FLAGS: 6, LOOKUPS: 7, OPENS: 8, WRITERS: 9, BACKING: 10 } as const
const NEXT = 11
const SEQUENCE = 12
const LENGTH = 13
const NAME_AT = 56
/** Longer names go on elsewhere. */
export const NAME_BYTES = BYTES - NAME_AT
const MORE = -1
const MORE_NEXT = 2
const MORE_AT = 12
const MORE_BYTES = BYTES - MORE_AT

/** Flags, beside the bits of S_IFMT. */
export const SlotFlag = {
  /** A further name of the node. */
  ALIAS: 1,
  /** A nodeid that the node had before: the parent is the node; the name says where the content lies. */
  GHOST: 2,
  /** It has no name: a descriptor is parked, or the name says where it lies (the parent: the layer's number). */
  NAMELESS: 4,
  /** Where it lies is told by the name. */
  PLACED: 8,
  /** All names are gone. */
  REMOVED: 16,
  /** Found by what it is on disk, as hard links are. */
  KEYED: 32,
  /** What is passed through is a lower file. */
  LOWER_BACKING: 64,
  /** The order in which a directory's names have been told in part. */
  LISTING: 128,
  /** It was passed through to be read and written: a mapping may write to it. */
  MAPPABLE: 256,
  /** It takes the place of the node's other slot when the text is another one (other-tree.ts). */
  SHADOW: 512,
  /** It is written to while it is copied up (copy-up/kept-fill.ts). */
  FILLING: 1024,
} as const

interface Chunk {
  readonly words: Uint32Array
  readonly doubles: Float64Array
  readonly bytes: Buffer
}

/** What is written into a slot. */
export interface SlotContent {
  readonly id: number
  readonly parent: number
  readonly ino: number
  readonly flags: number
  readonly lookups: number
  readonly opens: number
  readonly writers: number
  readonly backing: number
  readonly name: string
}

export class Slots {
  readonly #chunks: (Chunk | null)[] = []
  readonly #free: number[] = []
  #used: number

  /** The number by which the addon knows it. */
  readonly #number: number

  constructor(private readonly memory: StateMemory) {
    this.#used = Math.max(1, memory.words[Word.SLOTS]!)
    const { log } = memory
    const number = native.openLedger(memory.bytes, new Uint8Array(log.buffer, log.byteOffset, log.byteLength))
    if (number < 0) throw new Error(`there are too many mounts: errno ${-number}`)
    this.#number = number
  }

  /** The mount ends. */
  close(): void {
    native.closeLedger(this.#number)
  }

  /** Slots from 1 to below this may be in use. */
  get end(): number {
    return this.#used
  }

  #chunk(slot: number): Chunk {
    const number = slot >>> CHUNK_SHIFT
    return number < this.#chunks.length ? (this.#chunks[number] ?? this.#map(number)) : this.#map(number)
  }

  #map(number: number): Chunk {
    const buffer = native.mapShared(this.memory.fd, SLOTS_AT + number * CHUNK_BYTES, CHUNK_BYTES)
    if (typeof buffer === 'number') throw new Error(`the state cannot grow: errno ${-buffer}`)
    const chunk = {
      words: new Uint32Array(buffer),
      doubles: new Float64Array(buffer),
      bytes: Buffer.from(buffer),
    }
    while (this.#chunks.length <= number) this.#chunks.push(null)
    this.#chunks[number] = chunk
    native.addChunk(this.#number, number, chunk.bytes)
    return chunk
  }

  #take(): number {
    if (this.#free.length > 0) return this.#free.pop()!
    const fresh = this.#used++
    this.memory.words[Word.SLOTS] = this.#used
    if (fresh >>> CHUNK_SHIFT >= this.#chunks.length) this.#map(fresh >>> CHUNK_SHIFT)
    return fresh
  }

  /**
   * The kernel is about to be told of a node the `lookups`-th time; that goes into the log of what may have to be taken
   * back. The slot, a new one for 0. By the addon, and small: V8 puts it into everything that tells of a node.
   */
  tell(slot: number, id: number, parent: number, ino: number, flags: number, lookups: number, name: string): number {
    const at = slot === 0 ? this.#take() : slot
    native.tellSlot(this.#number, at, slot === 0 ? id : 0, parent, ino, flags, lookups, name)
    return at
  }

  /** Writes a new slot; it is there with the last store. */
  write({ id, parent, ino, flags, lookups, opens, writers, backing, name }: SlotContent): number {
    const slot = this.#take()
    const next = name.length > NAME_BYTES ? this.#writeMore(name) : 0
    const sequence = ++this.memory.words[Word.SEQUENCE]!
    const { bytes } = this.#chunk(slot)
    const at = slot & (CHUNK - 1)
    native.writeSlot(bytes, at, id, parent, ino, flags, lookups, opens, writers, backing, next, sequence, name)
    return slot
  }

  /** What of `name` does not fit into its slot; the first one's number. From behind, so that each knows its next. */
  #writeMore(name: string): number {
    let next = 0
    const parts = Math.ceil((name.length - NAME_BYTES) / MORE_BYTES)
    for (let part = parts - 1; part >= 0; part--) {
      const slot = this.#take()
      const { words, doubles, bytes } = this.#chunk(slot)
      const at = (slot & (CHUNK - 1)) * WORDS
      const from = NAME_BYTES + part * MORE_BYTES
      bytes.write(name.slice(from, from + MORE_BYTES), at * 4 + MORE_AT, MORE_BYTES, 'latin1')
      words[at + MORE_NEXT] = next
      doubles[at >> 1] = MORE
      next = slot
    }
    return next
  }

  free(slot: number): void {
    for (let next = slot; next !== 0; ) {
      const { words, doubles } = this.#chunk(next)
      const at = (next & (CHUNK - 1)) * WORDS
      const id = doubles[at >> 1]!
      if (id === 0) return
      const freed = next
      next = words[at + (id === MORE ? MORE_NEXT : NEXT)]!
      doubles[at >> 1] = 0
      this.#free.push(freed)
    }
  }

  /** 0: it is free, -1: a name goes on in it. */
  id(slot: number): number {
    return this.#chunk(slot).doubles[((slot & (CHUNK - 1)) * WORDS) >> 1]!
  }

  parent(slot: number): number {
    return this.#chunk(slot).doubles[(((slot & (CHUNK - 1)) * WORDS) >> 1) + 1]!
  }

  ino(slot: number): number {
    return this.#chunk(slot).doubles[(((slot & (CHUNK - 1)) * WORDS) >> 1) + 2]!
  }

  /** `field`: one of Field. */
  get(slot: number, field: number): number {
    return this.#chunk(slot).words[(slot & (CHUNK - 1)) * WORDS + field]!
  }

  set(slot: number, field: number, value: number): void {
    this.#chunk(slot).words[(slot & (CHUNK - 1)) * WORDS + field] = value
  }

  sequence(slot: number): number {
    return this.get(slot, SEQUENCE)
  }

  /** It is in use, and was written before all became void (Ledger.voidAll). */
  isVoid(slot: number): boolean {
    return this.id(slot) > 0 && this.sequence(slot) <= this.memory.words[Word.VOID]!
  }

  name(slot: number): string {
    const { words, bytes } = this.#chunk(slot)
    const at = (slot & (CHUNK - 1)) * WORDS
    const length = words[at + LENGTH]!
    const from = at * 4 + NAME_AT
    let name = bytes.toString('latin1', from, from + Math.min(length, NAME_BYTES))
    for (let next = words[at + NEXT]!; name.length < length && next !== 0; ) {
      const more = this.#chunk(next)
      const place = (next & (CHUNK - 1)) * WORDS
      const start = place * 4 + MORE_AT
      name += more.bytes.toString('latin1', start, start + Math.min(length - name.length, MORE_BYTES))
      next = more.words[place + MORE_NEXT]!
    }
    return name
  }

  content(slot: number): SlotContent {
    return {
      id: this.id(slot),
      parent: this.parent(slot),
      ino: this.ino(slot),
      flags: this.get(slot, Field.FLAGS),
      lookups: this.get(slot, Field.LOOKUPS),
      opens: this.get(slot, Field.OPENS),
      writers: this.get(slot, Field.WRITERS),
      backing: this.get(slot, Field.BACKING),
      name: this.name(slot),
    }
  }

  /**
   * After a death: which slots are in use is found out anew. Of two of one node, which a death between two stores
   * leaves, the newer one counts.
   */
  settle(): void {
    this.#settleShadows()
    const continued = new Set<number>()
    const newest = new Map<number, number>()
    for (let slot = 1; slot < this.#used; slot++) {
      const id = this.id(slot)
      if (id <= 0) continue
      this.#noteNext(slot, continued)
      if ((this.get(slot, Field.FLAGS) & (SlotFlag.ALIAS | SlotFlag.LISTING)) !== 0) continue
      const other = newest.get(id)
      if (other !== undefined) this.#chunk(slot).doubles[((slot & (CHUNK - 1)) * WORDS) >> 1] = 0
      newest.set(id, other === undefined ? slot : this.#newer(other, slot, id))
    }
    for (let slot = 1; slot < this.#used; slot++) {
      const id = this.id(slot)
      if (id > 0 || (id === MORE && continued.has(slot))) continue
      this.#chunk(slot).doubles[((slot & (CHUNK - 1)) * WORDS) >> 1] = 0
      this.#free.push(slot)
    }
  }

  #settleShadows(): void {
    const { words } = this.memory
    const count = words[Word.SHADOWS] === words[Word.TEXT_PLACE]! + 1
    for (let slot = 1; slot < this.#used; slot++) {
      const flags = this.id(slot) > 0 ? this.get(slot, Field.FLAGS) : 0
      if ((flags & SlotFlag.SHADOW) === 0) continue
      if (count) this.set(slot, Field.FLAGS, flags & ~SlotFlag.SHADOW)
      else this.#chunk(slot).doubles[((slot & (CHUNK - 1)) * WORDS) >> 1] = 0
    }
  }

  #newer(a: number, b: number, id: number): number {
    const [older, newer] = this.sequence(a) < this.sequence(b) ? [a, b] : [b, a]
    this.#chunk(older).doubles[((older & (CHUNK - 1)) * WORDS) >> 1] = 0
    this.#chunk(newer).doubles[((newer & (CHUNK - 1)) * WORDS) >> 1] = id
    return newer
  }

  #noteNext(slot: number, continued: Set<number>): void {
    for (let next = this.get(slot, NEXT); next !== 0; next = this.get(next, MORE_NEXT)) continued.add(next)
  }
}
