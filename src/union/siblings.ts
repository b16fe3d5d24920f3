/**
 * Which directories are worth reading although nobody has asked for them: those beside the ones that a program enters by name, in
 * whatever order (who lists them is in walk-ahead.ts). As readahead of files does, it begins with few, and goes on with as many
 * more as turn out to have been wanted. Pure: it says how many, others read.
 */

/** So many must have been entered before others are begun. */
const ENTERED = 3
/** Directories to begin with, and further ones for each that was wanted. */
const FIRST = 16
const GAIN = 8
/** In one request. */
const AT_ONCE = 8
/** Parents that are thought of. */
const PARENTS = 4

/** The directories in one parent. */
export class Siblings {
  /** Up to where the parent's names have been gone through. */
  cursor = 0
  /** All have been gone through. */
  isDone = false
  readonly #begun = new Set<string>()
  #entered = 0
  #credit = 0

  /** `name` has been entered; how many others are to be begun. */
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

/** Those of the parents in recent use. */
export class AllSiblings<Parent> {
  readonly #byParent = new Map<Parent, Siblings>()

  of(parent: Parent): Siblings {
    const known = this.#byParent.get(parent) ?? new Siblings()
    this.#byParent.delete(parent)
    this.#byParent.set(parent, known)
    for (const oldest of this.#byParent.keys()) {
      if (this.#byParent.size <= PARENTS) break
      this.#byParent.delete(oldest)
    }
    return known
  }

  /** Whether a directory called `name` was begun somewhere. */
  has(name: string): boolean {
    for (const siblings of this.#byParent.values()) if (siblings.has(name)) return true
    return false
  }
}
