/**
 * Which directories are worth reading although nobody has asked for them: those beside the ones that a program enters by name, in
 * whatever order (who lists them is in walk.ts). As readahead of files does, it begins with few, and goes on with as many
 * more as turn out to have been wanted. Pure: it says how many, others read.
 */

/** So many must have been entered before others are begun. */
const ENTERED = 3
/** Directories to begin with, and further ones for each that was wanted. */
const FIRST = 16
const GAIN = 8
/** In one request. */
const AT_ONCE = 8
/** Parents that are thought of: where one is forgotten, what was begun in it is begun again. */
const PARENTS = 64

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
