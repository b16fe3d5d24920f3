/**
 * Reading what the engine came by: the directory that was visited, and those above it that are not in the database yet,
 * so that every row has a parent. Of directories that were visited one after the other most lie in another of them: the
 * way to each is gone once.
 */

import type { LowerStack } from '../../stack/lower-stack.js'
import { S_IFDIR } from '../../syscalls/constants.js'
import { readDirectoryRows } from '../build/read-directory.js'
import { Place } from '../database/place.js'
import type { IndexStore } from '../database/store.js'
import type { KnownLayers } from '../layer-rows/known-layers.js'

interface Visited {
  /** Rows written, 0 where there is no such directory. */
  readonly rows: number
  /** It was read again, and has directories now that were never read. */
  readonly grown: boolean
}

/** A directory that was come to, its path, and its id; 0 where it cannot be read. */
interface Reached {
  readonly place: Place
  readonly path: string
  readonly id: number
}

/** Directories on the way that are remembered: more than one path can name. */
const KEPT_PLACES = 4096

/** Visits, and the way to those of before. */
export class Visits {
  readonly #places = new Map<string, Place>()
  #rows = 0
  #grown = false

  constructor(
    private readonly stack: LowerStack,
    private readonly current: () => IndexStore,
    private readonly layers: KnownLayers,
  ) {}

  private get store(): IndexStore {
    return this.current()
  }

  /** The layers may not be what they were: every way is gone anew. */
  forget(): void {
    this.#places.clear()
    this.layers.forget()
  }

  /** Reads the lower directory at `path`, again where it was read. */
  read(path: string): Visited {
    if (this.#places.size > KEPT_PLACES) this.#places.clear()
    this.#rows = 0
    this.#grown = false
    if (path === '') this.#read(Place.root(this.stack.roots), 0)
    else this.#go(this.#nearest(path), path)
    return { rows: this.#rows, grown: this.#grown }
  }

  #go(from: Reached, path: string): void {
    let at: Reached | null = from
    for (const name of path.slice(from.path === '' ? 0 : from.path.length + 1).split('/')) {
      if (at === null || at.id === 0) return
      this.#places.set(at.path, at.place)
      at = this.#enter(at, name, path)
    }
    if (at !== null) this.#places.set(at.path, at.place)
  }

  /** The directory above `path` from where to go on: the last one known, or the root. */
  #nearest(path: string): Reached {
    for (let at = above(path); at !== ''; at = above(at)) {
      const place = this.#places.get(at)
      const id = place === undefined ? 0 : this.store.idOf(at)
      if (place !== undefined && id !== 0) return { place, path: at, id }
    }
    const place = this.#places.get('') ?? Place.root(this.stack.roots)
    return { place, path: '', id: this.store.idIn(0, '') || this.#read(place, 0) }
  }

  /** The directory `name` in `from`, read where it has no rows, or is the one `wanted`; null where there is none. */
  #enter(from: Reached, name: string, wanted: string): Reached | null {
    this.stack.cache.beginOperation()
    const found = this.stack.search(from.place.parts, name)
    if (found.type !== S_IFDIR) return null
    const place = from.place.child(name, found.lowers)
    const path = from.path === '' ? name : `${from.path}/${name}`
    const known = path === wanted ? 0 : this.store.idIn(from.id, name)
    return { place, path, id: known === 0 ? this.#read(place, from.id) : known }
  }

  #read(place: Place, parent: number): number {
    const known = this.store.idIn(parent, place.name)
    // Where rows turned out to be wrong, others about the same are not asked.
    const rows = readDirectoryRows(this.stack, place, known === 0 ? this.layers : null)
    if (typeof rows === 'number') return 0
    this.#rows += rows.names.length + 1
    if (known !== 0) this.#grown ||= rows.directories.some(({ name }) => this.store.idIn(known, name) === 0)
    return this.store.put(rows, parent)
  }
}

function above(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}
