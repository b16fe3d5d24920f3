/**
 * Reads a whole tree of lower layers into rows: depth first, so that the directories on the way stay open, and in
 * steps, so that whoever reads can do something else in between.
 */

import type { LowerStack } from '../../stack/lower-stack.js'
import { Place } from '../database/place.js'
import type { ChildDirectory } from '../database/rows.js'
import { readDirectoryRows } from './read-directory.js'
import type { RowSink } from './row-sink.js'

export interface BuildProgress {
  readonly directories: number
  readonly entries: number
  /** Directories found and not read yet. */
  readonly waiting: number
  /** What could not be read: path and -errno. */
  readonly failures: readonly { readonly path: string; readonly errno: number }[]
}

interface Waiting {
  readonly place: Place
  /** Its parent's id, 0 for the root. */
  readonly parent: number
}

/** A directory whose rows need not be read. */
export interface KnownDirectory {
  readonly id: number
  readonly entries: number
  readonly directories: readonly ChildDirectory[]
}

/** Says which directories have rows that can be kept; null: this one is to be read. */
export type Known = (place: Place, parent: number) => KnownDirectory | null

/** A walk over a stack that can be done in steps. */
export class TreeWalk {
  directories = 0
  entries = 0
  /** Of these entries those that were read, for they had no rows to be kept. */
  read = 0
  readonly failures: { path: string; errno: number }[] = []
  readonly #waiting: Waiting[]

  constructor(
    private readonly stack: LowerStack,
    private readonly sink: RowSink,
    private readonly known: Known = () => null,
  ) {
    this.#waiting = [{ place: Place.root(stack.roots), parent: 0 }]
  }

  /** Reads directories for about `milliseconds`; true when the tree is done. */
  step(milliseconds: number): boolean {
    const end = Date.now() + milliseconds
    while (this.#waiting.length > 0) {
      this.#next(this.#waiting.pop()!)
      if (Date.now() >= end) break
    }
    if (this.#waiting.length > 0) return false
    this.sink.flush()
    return true
  }

  get progress(): BuildProgress {
    const { directories, entries, failures } = this
    return { directories, entries, failures, waiting: this.#waiting.length }
  }

  #next(waiting: Waiting): void {
    const known = this.known(waiting.place, waiting.parent)
    if (known === null) return this.#read(waiting)
    this.#walked(waiting.place, known)
  }

  #read({ place, parent }: Waiting): void {
    const rows = readDirectoryRows(this.stack, place)
    if (typeof rows === 'number') {
      this.failures.push({ path: place.path, errno: rows })
      return
    }
    const id = this.sink.put(rows, parent)
    this.read += rows.names.length + 1
    this.#walked(place, { id, entries: rows.names.length, directories: rows.directories })
  }

  #walked(place: Place, { id, entries, directories }: KnownDirectory): void {
    this.directories++
    this.entries += entries
    for (const { name, parts } of directories) this.#waiting.push({ place: place.child(name, parts), parent: id })
  }
}
