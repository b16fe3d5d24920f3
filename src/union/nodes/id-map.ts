/**
 * Things by numbers that are handed out one after the other, as nodeids are: a million of them take a word each, where
 * a Map takes four. Numbers that are close to each other share an array, which goes with the last of them.
 */

const WIDTH = 64

interface Shelf<T> {
  readonly things: (T | undefined)[]
  count: number
}

export class ById<T> {
  readonly #shelves = new Map<number, Shelf<T>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  get(id: number): T | undefined {
    return this.#shelves.get(Math.floor(id / WIDTH))?.things[id % WIDTH]
  }

  set(id: number, thing: T): void {
    const key = Math.floor(id / WIDTH)
    let shelf = this.#shelves.get(key)
    if (shelf === undefined) {
      shelf = { things: new Array(WIDTH).fill(undefined), count: 0 }
      this.#shelves.set(key, shelf)
    }
    if (shelf.things[id % WIDTH] === undefined) {
      shelf.count++
      this.#size++
    }
    shelf.things[id % WIDTH] = thing
  }

  delete(id: number): boolean {
    const key = Math.floor(id / WIDTH)
    const shelf = this.#shelves.get(key)
    if (shelf?.things[id % WIDTH] === undefined) return false
    shelf.things[id % WIDTH] = undefined
    this.#size--
    if (--shelf.count === 0) this.#shelves.delete(key)
    return true
  }

  *values(): IterableIterator<T> {
    for (const { things } of this.#shelves.values()) {
      for (const thing of things) if (thing !== undefined) yield thing
    }
  }
}
