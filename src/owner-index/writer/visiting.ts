/**
 * What the writer does about directories that somebody came by: those that the engine asks about are read in the next
 * lull, at once where their rows are wrong; those that it does not ask about get rows for people, where they have none.
 */

import type { LowerStack } from '../../stack/lower-stack.js'
import type { ToWriter } from '../database/shared-state.js'
import type { IndexStore } from '../database/store.js'
import type { KnownLayers } from '../layer-rows/known-layers.js'
import type { Commits } from './commits.js'
import { ReadQueue } from './read-queue.js'
import { Visits } from './read-visited.js'

/** Directories that wait for rows that nobody asks for; the walk comes to the others. */
const CAME_BY = 20_000

type Visit = Extract<ToWriter, { kind: 'visit' }>

interface VisitingHost {
  readonly shared: Int32Array
  readonly commits: Commits
  /** The database in place. */
  store(): IndexStore | null
  /** A directory that was read again has directories that have no rows. */
  grown(): void
}

export class Visiting {
  readonly #visits: ReadQueue
  readonly #came: ReadQueue
  readonly #reading: Visits

  constructor(
    private readonly host: VisitingHost,
    stack: LowerStack,
    layers: KnownLayers,
  ) {
    this.#reading = new Visits(stack, () => host.store()!, layers)
    const { shared, commits } = host
    this.#visits = new ReadQueue(shared, (paths) => commits.write(() => this.#read(paths)))
    this.#came = new ReadQueue(shared, (paths) => commits.write(() => this.#read(this.#absent(paths))))
  }

  visit({ path, edited, why }: Visit): void {
    const store = this.host.store()!
    if (why === 'early' && store.idOf(path) !== 0) return
    if (why !== 'stale') return this.#visits.add(path)
    store.begin()
    for (const layer of edited) store.noteEdited(layer)
    this.#reading.forget()
    this.#read([path])
  }

  cameBy(paths: readonly string[]): void {
    for (const path of this.#absent(paths)) if (this.#came.size < CAME_BY) this.#came.add(path)
  }

  /** Reads what waits for a lull now, for so many milliseconds. */
  readNow(milliseconds: number): void {
    this.#visits.readNow(milliseconds)
    this.#came.readNow(milliseconds)
  }

  clear(): void {
    this.#reading.forget()
    this.#visits.clear()
    this.#came.clear()
  }

  *#absent(paths: Iterable<string>): Generator<string> {
    for (const path of paths) if (this.host.store()!.idOf(path) === 0) yield path
  }

  #read(paths: Iterable<string>): void {
    const store = this.host.store()!
    store.begin()
    for (const path of paths) {
      const { rows, grown } = this.#reading.read(path)
      this.host.commits.changed(rows)
      if (rows > 0) this.host.commits.renewed()
      if (grown) this.host.grown()
    }
  }
}
