/**
 * Reads a whole tree of lower layers into rows: depth first, so that the directories on the way stay open, and in
 * steps, so that whoever reads can do something else in between.
 */

import type { LowerStack } from '../../stack/lower-stack.js'
import { S_IFDIR } from '../../syscalls/constants.js'
import { Stat } from '../../syscalls/stat.js'
import { Place } from '../database/place.js'
import type { ChildDirectory, DirectoryRows, SeenBefore } from '../database/rows.js'
import { inodeOf } from '../database/stamps.js'
import type { KnownLayers } from '../layer-rows/known-layers.js'
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
  /** What it waits beside the others in; null for the root. */
  readonly above: Waiting | null
  /** What rows said of it that were made before this walk. */
  readonly seen: SeenBefore | null
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
  /** Rows that were made before are wrong, and cannot be replaced here: all has to be read. */
  isMisled = false
  #waiting: Waiting[]

  constructor(
    private readonly stack: LowerStack,
    private readonly sink: RowSink,
    private readonly layers: KnownLayers | null,
    private readonly known: Known = () => null,
  ) {
    this.#waiting = [{ place: Place.root(stack.roots), parent: 0, above: null, seen: null }]
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
    if (known !== null) return this.#walked(waiting, known)
    if (this.#isAsSeen(waiting)) this.#read(waiting, this.layers)
    else if (this.sink.replaces) this.#readAbove(waiting)
    else this.isMisled = true
  }

  /** Whether the directory is still what the rows of the one above say, where rows say it that were made before. */
  #isAsSeen({ place, seen }: Waiting): boolean {
    if (seen === null || place.parts.every((part) => this.layers?.holds(part) ?? false)) return true
    this.stack.cache.beginOperation()
    const { error, type, lowers } = this.stack.search(place.parent!.parts, place.name)
    if (error !== 0 || type !== S_IFDIR || lowers.length !== place.parts.length) return false
    const { topStat } = this.stack
    const same = topStat[Stat.CTIME] === seen.ctime && topStat[Stat.CTIME_NS] === seen.ctimeNs
    return same && inodeOf(topStat) === seen.ino && lowers.every(({ layer }, i) => layer === place.parts[i]!.layer)
  }

  /** The directory above is read after all, and what still waits in it is come to anew. */
  #readAbove(waiting: Waiting): void {
    const above = waiting.above!
    const names = new Set([waiting.place.name])
    this.#waiting = this.#waiting.filter((other) => {
      if (other.above === above) names.add(other.place.name)
      return other.above !== above
    })
    this.directories--
    const rows = this.#read(above, null, names)
    if (rows !== null) this.entries -= rows.names.length
  }

  /** `names`: those that are still to be come to; null: all. */
  #read(waiting: Waiting, layers: KnownLayers | null, names: Set<string> | null = null): DirectoryRows | null {
    const { place, parent } = waiting
    const rows = readDirectoryRows(this.stack, place, layers)
    if (typeof rows === 'number') {
      this.failures.push({ path: place.path, errno: rows })
      return null
    }
    const id = this.sink.put(rows, parent)
    this.read += rows.names.length + 1
    const directories = rows.directories.filter(({ name }) => names?.has(name) ?? true)
    this.#walked(waiting, { id, entries: rows.names.length, directories })
    return rows
  }

  #walked(above: Waiting, { id, entries, directories }: KnownDirectory): void {
    this.directories++
    this.entries += entries
    for (const { name, parts, seen } of directories) {
      this.#waiting.push({ place: above.place.child(name, parts), parent: id, above, seen })
    }
  }
}
