/**
 * How far the request in hand has come. An engine serves one request after the other, so at most one has been begun and
 * not answered when a process dies. The kernel sends that one again. The journal then says which counts it had changed,
 * which are taken back, and what it was about to do on disk, where the next process looks whether it has been done.
 *
 * Words of the header: unique @16, @17 · opcode @18 · unique of what is done @19, @20 · counts in the log @21 ·
 * forgets done @22. The intent: kind @32 (written last) · flags @33 · lengths of three texts @34 to @36; doubles @20 to
 * @25; the texts @4096, @12288 and @20480.
 * Requests put aside: pairs from @256 on, 64 of them.
 * A count in the log: slot · field · what it was before.
 */
import type { StateMemory } from './memory.js'
import { putText } from './put-text.js'

const UNIQUE = 16
const OPCODE = 18
const DONE = 19
const LOGGED = 21
const FORGETS = 22
const KIND = 32
const FLAGS = 33
const LENGTHS = 34
const NUMBERS = 20
const TEXTS = [4096, 12_288, 20_480] as const
const TEXT_BYTES = 8192
const PLACE_BYTES = 40_960
const ENTRY = 3
const ASIDE = 256
const MOST_ASIDE = 64

/** What a request is about to do; everything that it had to look at was as it should be. */
export const Intent = { NONE: 0, MAKE: 1, LINK: 2, REMOVE: 3, RENAME: 4, SET_XATTR: 5, REMOVE_XATTR: 6 } as const

/** In the order of the texts: a name, another, and where a lower file lies that loses its name. */
export interface IntentRecord {
  readonly kind: number
  readonly flags: number
  readonly parent: number
  readonly name: string
  readonly newParent: number
  readonly newName: string
  readonly node: number
  readonly victim: number
  /** Of the inode that is moved; 0: it is not needed. */
  readonly ino: number
  readonly layer: number
  readonly place: string
}

/** A layer's number, and a path in it. */
interface LowerPlace {
  readonly layer: number
  readonly path: string
}

export class Journal {
  constructor(private readonly memory: StateMemory) {}

  /** The next request taken in hand is the one that was: what it was about to do stays. */
  isAgain = false

  /** FORGETs are carried out that have a place of their own (forgets.ts). */
  hasForgets = false

  /** A request is taken in hand. */
  begin(low: number, high: number, opcode: number): void {
    const { words } = this.memory
    if (!this.isAgain) words[KIND] = 0
    this.isAgain = false
    words[LOGGED] = 0
    words[FORGETS] = 0
    words[UNIQUE] = low
    words[UNIQUE + 1] = high
    words[OPCODE] = opcode
  }

  /** All of it is done; what remains is the answer. */
  done(): void {
    const { words } = this.memory
    words[DONE] = words[UNIQUE]!
    words[DONE + 1] = words[UNIQUE + 1]!
  }

  /** Before a count changes that has to be taken back where the kernel does not hear of it. False: the log is full. */
  note(slot: number, field: number, before: number): boolean {
    const { words, log } = this.memory
    const at = words[LOGGED]! * ENTRY
    if (at + ENTRY > log.length) return false
    log[at] = slot
    log[at + 1] = field
    log[at + 2] = before
    words[LOGGED]!++
    return true
  }

  /** The counts noted, last first. */
  *noted(): Iterable<{ readonly slot: number; readonly field: number; readonly before: number }> {
    const { words, log } = this.memory
    for (let entry = words[LOGGED]! - 1; entry >= 0; entry--) {
      const at = entry * ENTRY
      yield { slot: log[at]!, field: log[at + 1]!, before: log[at + 2]! }
    }
  }

  /** One node more of the FORGET in hand is forgotten. */
  forgot(): void {
    this.memory.words[FORGETS]!++
  }

  /** Before one of them is: its count. */
  noteForget(slot: number, field: number, before: number): void {
    if (this.hasForgets) return
    this.memory.words[LOGGED] = 0
    this.note(slot, field + (this.forgets << 8), before)
  }

  /** What was noted has been seen to; `kept`: what was about to be done is still needed. */
  settle(kept: boolean): void {
    const { words } = this.memory
    words[LOGGED] = 0
    words[FORGETS] = 0
    if (kept) return
    words[KIND] = 0
    words[UNIQUE] = 0
    words[UNIQUE + 1] = 0
  }

  get forgets(): number {
    return this.memory.words[FORGETS]!
  }

  /** `name` is about to be made in `parent`, or, with `node`, to be one of its names. */
  intendMake(parent: number, name: string, node = 0): void {
    this.#number(0, parent)
    this.#number(2, node)
    this.#text(0, name)
    this.memory.words[KIND] = node === 0 ? Intent.MAKE : Intent.LINK
  }

  /** `node` is about to lose its name; `lies`: where it does in a lower layer. */
  intendRemoval(parent: number, name: string, node: number, lies: LowerPlace | null): void {
    this.#number(0, parent)
    this.#number(2, node)
    this.#text(0, name)
    this.#place(lies)
    this.memory.words[KIND] = Intent.REMOVE
  }

  intendRename(move: Omit<IntentRecord, 'kind' | 'layer' | 'place'>, lies: LowerPlace | null): void {
    this.#number(0, move.parent)
    this.#number(1, move.newParent)
    this.#number(2, move.node)
    this.#number(3, move.victim)
    this.#number(4, move.ino)
    this.#text(0, move.name)
    this.#text(1, move.newName)
    this.#place(lies)
    this.memory.words[FLAGS] = move.flags
    this.memory.words[KIND] = Intent.RENAME
  }

  intendXattr(kind: number): void {
    this.memory.words[KIND] = kind
  }

  #number(at: number, value: number): void {
    this.memory.doubles[NUMBERS + at] = value
  }

  #text(at: number, text: string): void {
    this.memory.words[LENGTHS + at] = text.length
    if (text.length > 0) putText(this.memory.bytes, text, TEXTS[at]!, at === 2 ? PLACE_BYTES : TEXT_BYTES)
  }

  #place(lies: LowerPlace | null): void {
    this.#number(5, lies?.layer ?? -1)
    this.#text(2, lies?.path ?? '')
  }

  get intent(): IntentRecord {
    const { words, doubles, bytes } = this.memory
    const text = (at: number) => bytes.toString('latin1', TEXTS[at]!, TEXTS[at]! + words[LENGTHS + at]!)
    return {
      kind: words[KIND]!,
      flags: words[FLAGS]!,
      parent: doubles[NUMBERS]!,
      newParent: doubles[NUMBERS + 1]!,
      node: doubles[NUMBERS + 2]!,
      victim: doubles[NUMBERS + 3]!,
      ino: doubles[NUMBERS + 4]!,
      layer: doubles[NUMBERS + 5]!,
      name: text(0),
      newName: text(1),
      place: text(2),
    }
  }

  /** Whether the request with these halves of its unique (but for the bit of a second sending) was in hand. */
  isInHand(low: number, high: number): boolean {
    const { words } = this.memory
    return words[UNIQUE] === low && ((words[UNIQUE + 1]! ^ high) & 0x7fff_ffff) === 0
  }

  /** A request waits for something else: it is neither in hand nor answered; `isOn`: from now on, or no more. */
  aside(low: number, high: number, isOn: boolean): void {
    const { words } = this.memory
    for (let at = ASIDE; at < ASIDE + 2 * MOST_ASIDE; at += 2) {
      const isFree = words[at] === 0 && words[at + 1] === 0
      if (isOn ? !isFree : words[at] !== low || words[at + 1] !== high) continue
      words[at + 1] = isOn ? high : 0
      words[at] = isOn ? low : 0
      return
    }
  }

  /** None waits any more: they have come again, or are lost. */
  clearAside(): void {
    this.memory.words.fill(0, ASIDE, ASIDE + 2 * MOST_ASIDE)
  }

  /** Those that were read and are not known to have been answered, as halves of their unique. */
  get unanswered(): readonly (readonly [low: number, high: number])[] {
    const { words } = this.memory
    const found: [number, number][] = [[words[UNIQUE]!, words[UNIQUE + 1]!]]
    for (let at = ASIDE; at < ASIDE + 2 * MOST_ASIDE; at += 2)
      if (words[at] !== 0 || words[at + 1] !== 0) found.push([words[at]!, words[at + 1]!])
    return found
  }

  /** Whether that request had been carried out to its end. */
  isDone(low: number, high: number): boolean {
    const { words } = this.memory
    return words[DONE] === low && ((words[DONE + 1]! ^ high) & 0x7fff_ffff) === 0
  }
}
