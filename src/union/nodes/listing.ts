/**
 * The names of a directory in readdir order, each with its cookie.
 *
 * - A name keeps its cookie while it exists; a removed one leaves a gap.
 * - A new name gets a cookie below all others, which a reader that is under way has passed already.
 * - So a reader that continues at a cookie sees each name that was there all along exactly once, and comes to an end.
 *
 * The engine need not know who reads. The kernel caches what it has read, so only recently used listings are kept.
 */

/** The cookie of the first name that was there when the directory was read; newer names have those below. */
const BASE = 2 ** 40
/** What is told with the last name: who comes again with it is at the end, in whatever order the names are by then. */
export const END_COOKIE = 2 ** 50

/** One name; null once it has been removed. `part`: see `Listing.partOf`. */
interface Slot {
  name: string | null
  readonly cookie: number
  type: number
  part: number
}

export class Listing {
  /** As read, cookies rising from BASE; and what has come since, cookies falling from below it. */
  #read: Slot[] = []
  #since: Slot[] = []
  readonly #byName = new Map<string, Slot>()
  #nextRead = BASE
  #nextSince = BASE - 1
  /** What `next` found last, which is what is asked about; and where in `#read` it stands, or did. */
  #last: Slot | undefined
  #lastAt = 0
  /**
   * Somebody has read a part of it and will come for the rest: it is not to be read anew, in another order, meanwhile.
   */
  unfinished = false
  /** Its order is in the ledger, with each cookie that there is. */
  isKept = false
  /** Whoever reads the directory anew, from its parts on disk, gets the same cookies. */
  isAsRead = false
  /** Somebody was told names of it, and may come again with a cookie. */
  isTold = false

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

  /** Where `name` stands; -1 where it is not. */
  cookieOf(name: string): number {
    return this.#byName.get(name)?.cookie ?? -1
  }

  /** Position in the layer stack at which `name` was first met; 0 when it may be anywhere, -1 where it is not. */
  partOf(name: string): number {
    return this.#byName.get(name)?.part ?? -1
  }

  /** A name found while the directory is read. `type` is DT_*. */
  add(name: string, type: number, part: number): void {
    if (!this.#change(name, type, part)) this.#put(this.#read, { name, cookie: this.#nextRead++, type, part })
  }

  /** A name that has come into being since, or stands elsewhere in the stack now. */
  insert(name: string, type: number): void {
    if (this.#change(name, type, 0)) return
    this.#put(this.#since, { name, cookie: this.#nextSince--, type, part: 0 })
    this.isKept = false
  }

  #change(name: string, type: number, part: number): boolean {
    const known = this.#byName.get(name)
    if (known === undefined) return false
    known.type = type
    known.part = part
    return true
  }

  #put(slots: Slot[], slot: Slot & { name: string }): void {
    slots.push(slot)
    this.#byName.set(slot.name, slot)
  }

  /** The part at `at` and the one above it are one from now on. */
  joinParts(at: number): void {
    for (const slot of this.#byName.values()) if (slot.part >= at) slot.part--
  }

  remove(name: string): void {
    const slot = this.#byName.get(name)
    if (slot === undefined) return
    this.#byName.delete(name)
    slot.name = null
    if (this.length > 2 * this.size + 64) this.#closeGaps()
  }

  #closeGaps(): void {
    this.#read = this.#read.filter((slot) => slot.name !== null)
    this.#since = this.#since.filter((slot) => slot.name !== null)
  }

  /** The lowest cookie above `after` that holds a name; -1 at the end. */
  next(after: number): number {
    const since = this.#since
    const newer = since.length === 0 ? 0 : count(since, (slot) => slot.cookie > after)
    for (let i = newer - 1; i >= 0; i--) {
      if (since[i]!.name !== null) return this.#found(since[i]!)
    }
    const read = this.#read
    for (let i = this.#readAfter(after); i < read.length; i++) {
      if (read[i]!.name === null) continue
      this.#lastAt = i
      return this.#found(read[i]!)
    }
    return -1
  }

  /** The first slot above `after`: mostly the one behind that which was found last. */
  #readAfter(after: number): number {
    const read = this.#read
    return read[this.#lastAt]?.cookie === after ? this.#lastAt + 1 : count(read, (slot) => slot.cookie <= after)
  }

  #found(slot: Slot): number {
    this.#last = slot
    return slot.cookie
  }

  name(cookie: number): string {
    return this.#slot(cookie)?.name ?? ''
  }

  type(cookie: number): number {
    return this.#slot(cookie)?.type ?? 0
  }

  #slot(cookie: number): Slot | undefined {
    if (this.#last?.cookie !== cookie) this.next(cookie - 1)
    return this.#last?.cookie === cookie ? this.#last : undefined
  }

  /** Names and their cookies as text: those below BASE and those from there on, a gap as an empty name. */
  get order(): string {
    const since = [...this.#since].reverse()
    const first = since[0]?.cookie ?? BASE
    return `${first - BASE}\0${spaced(since, first)}\0${spaced(this.#read, BASE)}`
  }

  /** What this listing has, in an `order` that was told before; names that are not in it come below all others. */
  inOrder(order: string): Listing {
    const [first = '0', since = '', read = ''] = order.split('\0')
    const listing = new Listing()
    const begin = BASE + Number(first)
    for (const [at, name] of [...since.split('/').entries()].reverse())
      this.#putAs(listing.#since, name, begin + at, listing)
    for (const [at, name] of read.split('/').entries()) this.#putAs(listing.#read, name, BASE + at, listing)
    listing.#nextSince = begin - 1
    listing.#nextRead = BASE + read.split('/').length
    listing.isKept = true
    for (const [name, { type }] of this.#byName) if (!listing.has(name)) listing.insert(name, type)
    listing.unfinished = true
    return listing
  }

  #putAs(slots: Slot[], name: string, cookie: number, listing: Listing): void {
    const own = this.#byName.get(name)
    if (own !== undefined) listing.#put(slots, { name, cookie, type: own.type, part: own.part })
  }

  /** Names in the order of their cookies. */
  names(): string[] {
    const names: string[] = []
    for (let cookie = this.next(0); cookie >= 0; cookie = this.next(cookie)) names.push(this.name(cookie))
    return names
  }
}

/** The names of `slots`, whose cookies rise from `first`, with an empty one for each cookie that is none's. */
function spaced(slots: readonly Slot[], first: number): string {
  const names: string[] = []
  for (const { name, cookie } of slots) {
    while (first + names.length < cookie) names.push('')
    names.push(name ?? '')
  }
  return names.join('/')
}

/** How many of `slots` hold at the front, where `holds` is true of a first part of them and of none after it. */
function count(slots: readonly Slot[], holds: (slot: Slot) => boolean): number {
  let low = 0
  let high = slots.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (holds(slots[middle]!)) low = middle + 1
    else high = middle
  }
  return low
}
