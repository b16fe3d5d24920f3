/**
 * The names of a directory in the order in which readdir tells them. A name keeps its cookie while it exists; a removed one
 * leaves a gap; a new one gets a cookie below all others, where a reader that is under way has been already. So a reader
 * that continues at a cookie sees every name that was there all along exactly once and comes to an end, whatever is
 * created and removed meanwhile, without the engine knowing who reads. The kernel caches what it has read, so a listing is
 * kept only while it is in recent use.
 */

/** The cookie of the first name that was there when the directory was read; newer names have those below. */
const BASE = 2 ** 40

/** One name; null once it has been removed. `part`: see `Listing.part`. */
interface Slot {
  name: string | null
  type: number
  part: number
}

export class Listing {
  /** As read: slot i has cookie BASE + i. Come since: slot i has cookie BASE - 1 - i. */
  readonly #read: Slot[] = []
  readonly #since: Slot[] = []
  readonly #byName = new Map<string, Slot>()

  get size(): number {
    return this.#byName.size
  }

  /** Slots, gaps included: what the listing costs in memory. */
  get length(): number {
    return this.#read.length + this.#since.length
  }

  has(name: string): boolean {
    return this.#byName.has(name)
  }

  /** A name found while the directory is read. `type` is DT_*. */
  add(name: string, type: number, part: number): void {
    this.#put(this.#read, name, type, part)
  }

  /** A name that has come into being since, or stands elsewhere in the stack now. */
  insert(name: string, type: number): void {
    this.#put(this.#since, name, type, 0)
  }

  #put(slots: Slot[], name: string, type: number, part: number): void {
    const known = this.#byName.get(name)
    if (known !== undefined) {
      known.type = type
      known.part = part
      return
    }
    const slot = { name, type, part }
    slots.push(slot)
    this.#byName.set(name, slot)
  }

  remove(name: string): void {
    const slot = this.#byName.get(name)
    if (slot === undefined) return
    this.#byName.delete(name)
    slot.name = null
  }

  /** The lowest cookie above `after` that holds a name; -1 at the end. */
  next(after: number): number {
    for (let i = Math.min(this.#since.length - 1, BASE - 2 - after); i >= 0; i--) {
      if (this.#since[i]!.name !== null) return BASE - 1 - i
    }
    for (let i = Math.max(0, after + 1 - BASE); i < this.#read.length; i++) {
      if (this.#read[i]!.name !== null) return BASE + i
    }
    return -1
  }

  name(cookie: number): string {
    return this.#slot(cookie)?.name ?? ''
  }

  type(cookie: number): number {
    return this.#slot(cookie)?.type ?? 0
  }

  /** Position in the layer stack at which the name was first met; 0 when it may be anywhere. */
  part(cookie: number): number {
    return this.#slot(cookie)?.part ?? 0
  }

  #slot(cookie: number): Slot | undefined {
    return cookie >= BASE ? this.#read[cookie - BASE] : this.#since[BASE - 1 - cookie]
  }

  /** Names in the order of their cookies. */
  names(): string[] {
    const names: string[] = []
    for (let cookie = this.next(0); cookie >= 0; cookie = this.next(cookie)) names.push(this.name(cookie))
    return names
  }
}
