/**
 * FORGETs that were read while a process that had died was followed. The kernel sends no FORGET again, so each is put
 * here before anything else is read into the request buffer, and carried out once it is known what the kernel knows.
 * Each step may be made twice, for this process may die, too.
 *
 * Words of the header: entries @24 (written last) · how many are done @25 · halves of the unique of the last message
 * that was here @26, @27. An entry: f64 nodeid · f64 count · f64 lookups that are left after it, -1 before it is begun.
 * Each message ends with an entry of its own: the halves of its unique, and -2.
 */
import { native } from '../../syscalls/native.js'
import { FORGETS_AT, FORGETS_BYTES, type StateMemory } from './memory.js'

const COUNT = 24
const DONE = 25
const LAST = 26
const ENTRY = 3
const UNBEGUN = -1
const MESSAGE = -2

/** What the kernel forgets with one message: nodeids, and how many of their lookups. */
export interface ForgetMessage {
  readonly low: number
  readonly high: number
  readonly pairs: readonly (readonly [nodeid: number, count: number])[]
}

export class KeptForgets {
  #mapped: Float64Array | null = null

  constructor(private readonly memory: StateMemory) {}

  /** Mapped when it is needed, which it mostly never is. Null: there is no memory. */
  #entries(): Float64Array | null {
    if (this.#mapped !== null) return this.#mapped
    const buffer = native.mapShared(this.memory.fd, FORGETS_AT, FORGETS_BYTES)
    if (typeof buffer !== 'number') this.#mapped = new Float64Array(buffer)
    return this.#mapped
  }

  /** Puts a message behind those that are here. False: there is no room. */
  keep({ low, high, pairs }: ForgetMessage): boolean {
    const { words } = this.memory
    const entries = this.#entries()
    const from = words[COUNT]!
    const end = from + pairs.length + 1
    if (entries === null || end * ENTRY > entries.length) return false
    if (from === 0) words[DONE] = 0
    for (const [i, [nodeid, count]] of pairs.entries()) entries.set([nodeid, count, UNBEGUN], (from + i) * ENTRY)
    entries.set([low, high, MESSAGE], (end - 1) * ENTRY)
    words[COUNT] = end
    return true
  }

  /** Whether the message with this unique is here, or was the last one that was. */
  has(low: number, high: number): boolean {
    const { words } = this.memory
    const entries = words[COUNT] === 0 ? null : this.#entries()
    const at = (words[COUNT]! - 1) * ENTRY
    if (entries !== null && entries[at] === low && entries[at + 1] === high) return true
    return words[LAST] === low && words[LAST + 1] === high
  }

  /** Carries out all. `lookups`: how many the kernel has of a node now; `forget` takes away so many. */
  carryOut(lookups: (nodeid: number) => number, forget: (nodeid: number, count: number) => void): void {
    const { words } = this.memory
    const entries = words[COUNT] === 0 ? null : this.#entries()
    if (entries === null) return
    for (let done = words[DONE]!; done < words[COUNT]!; words[DONE] = ++done) {
      const at = done * ENTRY
      if (entries[at + 2] === MESSAGE) continue
      const nodeid = entries[at]!
      const now = lookups(nodeid)
      if (entries[at + 2] === UNBEGUN) entries[at + 2] = Math.max(0, now - entries[at + 1]!)
      if (now > entries[at + 2]!) forget(nodeid, now - entries[at + 2]!)
    }
    const last = (words[COUNT]! - 1) * ENTRY
    words[LAST] = entries[last]!
    words[LAST + 1] = entries[last + 1]!
    words[COUNT] = 0
  }
}
