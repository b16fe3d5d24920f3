/**
 * The names of a directory in the order in which readdir tells them. Each name keeps its cookie while it exists, new names
 * get higher ones, removed names leave a gap: so a reader that continues at a cookie sees every name that was there all
 * along exactly once, whatever is created and removed meanwhile, without the engine knowing who reads. The kernel caches
 * what it has read, so a listing is kept only while it is in recent use.
 */

export class Listing {
  /** Index = cookie - FIRST_COOKIE; null where the name has been removed. */
  readonly #names: (string | null)[] = []
  readonly #types: number[] = []
  /** Position in the layer stack at which the name first appears: 0 the upper (or top lower), counted as the directory's parts. */
  readonly #parts: number[] = []
  readonly #at = new Map<string, number>()

  get size(): number {
    return this.#at.size
  }

  /** Names ever held: what the listing costs in memory. */
  get length(): number {
    return this.#names.length
  }

  has(name: string): boolean {
    return this.#at.has(name)
  }

  /** Adds a name that is not there yet. `type` is DT_*. */
  add(name: string, type: number, part: number): void {
    const at = this.#at.get(name)
    if (at !== undefined) {
      this.#types[at] = type
      this.#parts[at] = part
      return
    }
    this.#at.set(name, this.#names.length)
    this.#names.push(name)
    this.#types.push(type)
    this.#parts.push(part)
  }

  remove(name: string): void {
    const at = this.#at.get(name)
    if (at === undefined) return
    this.#at.delete(name)
    this.#names[at] = null
  }

  /** The first index at or after `from` that holds a name; -1 at the end. */
  next(from: number): number {
    for (let i = from; i < this.#names.length; i++) if (this.#names[i] !== null) return i
    return -1
  }

  name(index: number): string {
    return this.#names[index] ?? ''
  }

  type(index: number): number {
    return this.#types[index] ?? 0
  }

  /** Where the name was first met when the directory was read; 0 when it may be anywhere. */
  part(index: number): number {
    return this.#parts[index] ?? 0
  }

  /** Names in order. */
  names(): string[] {
    return this.#names.filter((name): name is string => name !== null)
  }
}
