/**
 * The nodes of a directory by name. A node knows its own name, so only the nodes are kept, in a hash table with one
 * word a place. With a million entries a Map takes 45 bytes for each, this 10 to 20
 * (docs/decisions/0014-what-a-mount-costs-to-start.md). A hard link's further names, which its node does not begin
 * with, are in a Map beside it.
 */
import { randomInt } from 'node:crypto'

/** What it asks of a node. `name` must stay as it is from `set` to `delete`. */
interface Named {
  readonly name: string
}

const LEAST = 4
/** So that nobody can choose names that all come to lie in one place. */
const SEED = randomInt(2 ** 31)

/** Names whose nodes are made when somebody asks for them: those that the process before this one knew. */
export interface LaterChildren<T> {
  readonly size: number
  /** Makes the node of `name`, and has it set; undefined where it is none of these, or is gone. */
  take(name: string): T | undefined
  /** `name` means something else from now on, or nothing. */
  drop(name: string): void
}

export class Children<T extends Named> {
  later: LaterChildren<T> | null = null
  /** Empty, or a power of two of places of which at least a fifth is free. */
  #places: (T | undefined)[] = []
  #count = 0
  #further: Map<string, T> | null = null

  get size(): number {
    return this.#count + (this.#further?.size ?? 0) + (this.later?.size ?? 0)
  }

  get(name: string): T | undefined {
    return this.#places[this.#find(name)] ?? this.#further?.get(name) ?? this.later?.take(name)
  }

  /** Those that are known, a copy. */
  entries(): [string, T][] {
    const own = this.#places.flatMap((node): [string, T][] => (node === undefined ? [] : [[node.name, node]]))
    return [...own, ...(this.#further ?? [])]
  }

  /** `node` has the name `name` here. `isOwn`: the one that it knows itself. */
  set(name: string, node: T, isOwn: boolean): void {
    this.delete(name)
    if (!isOwn) {
      this.#further ??= new Map()
      this.#further.set(name, node)
      return
    }
    if ((this.#count + 1) * 5 > this.#places.length * 4) this.#resize(Math.max(LEAST, this.#places.length * 2))
    this.#places[this.#find(name)] = node
    this.#count++
  }

  delete(name: string): void {
    this.later?.drop(name)
    const at = this.#find(name)
    if (this.#places[at] !== undefined) this.#empty(at)
    else this.#further?.delete(name)
  }

  /** Where `name` is, or the free place where it would go; -1 where there is no room at all. */
  #find(name: string): number {
    const places = this.#places
    const mask = places.length - 1
    if (mask < 0) return -1
    let at = hashOf(name) & mask
    for (;;) {
      const node = places[at]
      if (node === undefined || node.name === name) return at
      at = (at + 1) & mask
    }
  }

  /** Frees a place, and moves up those behind it that would not be found any more. */
  #empty(hole: number): void {
    const places = this.#places
    const mask = places.length - 1
    let free = hole
    for (let at = (hole + 1) & mask; places[at] !== undefined; at = (at + 1) & mask) {
      const home = hashOf(places[at]!.name) & mask
      if (((at - home) & mask) < ((at - free) & mask)) continue
      places[free] = places[at]
      free = at
    }
    places[free] = undefined
    this.#count--
    if (this.#count === 0) this.#places = []
    else if (this.#count * 8 < places.length && places.length > LEAST) this.#resize(places.length / 2)
  }

  #resize(length: number): void {
    const before = this.#places
    this.#places = new Array(length).fill(undefined)
    for (const node of before) if (node !== undefined) this.#places[this.#find(node.name)] = node
  }
}

function hashOf(name: string): number {
  let hash = SEED
  for (let i = 0; i < name.length; i++) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x5bd1e995)
    hash ^= hash >>> 15
  }
  return hash
}
