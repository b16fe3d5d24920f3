/**
 * How many siblings of a directory are worth reading ahead, when a program enters directories by name in random order
 * (listings are in walk.ts). Like the kernel's read-ahead of files, it begins with few and adds more for each that was
 * wanted. Pure: it only says how many.
 */

/** Directories that must have been entered in one parent before siblings are read. */
const ENTERED = 3
/** How many are read first, and how many more for each that was wanted. */
const FIRST = 16
const GAIN = 8
/** At most in one request. */
const AT_ONCE = 8
/** Parents that are remembered. In a forgotten one everything begins again. */
const PARENTS = 64

/** The directories in one parent. */
export class Siblings {
  /** How far the parent's listing has been read. */
  cursor = 0
  /** The whole listing has been read. */
  isDone = false
  readonly #begun = new Set<string>()
  #entered = 0
  #credit = 0

  /** `name` has been entered; returns how many siblings to read ahead now. */
  enter(name: string): number {
    this.#entered++
    if (this.#entered === ENTERED) this.#credit = FIRST
    if (this.#begun.delete(name)) this.#credit += GAIN
    return this.isDone ? 0 : Math.min(AT_ONCE, this.#credit)
  }

  begin(name: string): void {
    this.#begun.add(name)
    this.#credit--
  }

  /** Whether `name` was begun, and nobody has come for it yet. */
  has(name: string): boolean {
    return this.#begun.has(name)
  }
}

/** Those of the parents in recent use, each known by what it is made of. */
export class AllSiblings<Parts extends object> {
  readonly #byParent = new Map<Parts, Siblings>()

  of(parent: Parts): Siblings {
    const known = this.#byParent.get(parent) ?? new Siblings()
    this.#byParent.delete(parent)
    this.#byParent.set(parent, known)
    for (const oldest of this.#byParent.keys()) {
      if (this.#byParent.size <= PARENTS) break
      this.#byParent.delete(oldest)
    }
    return known
  }

  /** Whether a directory called `name` was begun in `parent`. */
  has(parent: Parts, name: string): boolean {
    return this.#byParent.get(parent)?.has(name) ?? false
  }

  forget(parent: Parts): void {
    this.#byParent.delete(parent)
  }
}
