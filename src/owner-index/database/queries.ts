/**
 * What people ask a database: who owns this path, what is in this directory and whose is it, how much each layer holds.
 * The same answers can be had with plain sqlite3 from the view `owners`; these are the ones that commands need, by
 * directory and without walking the whole view.
 */

import { bytesOf, latin1 } from '../../layers/marks.js'
import { unpackLayers } from '../../stack/layer-list.js'
import type { Connection, Statement } from './database.js'
import { keyOf } from './place.js'
import { Sql } from './schema.js'

/** An entry of a merged directory with its owner. Names latin1. */
export interface ListedEntry {
  readonly name: string
  /** -1 the upper, else the position among the lowers. */
  readonly layer: number
  /** For a merged directory the layers it joins, top first; else the owner alone. */
  readonly layers: readonly number[]
  readonly mode: number
  readonly size: number
}

export interface OwnedPath extends ListedEntry {
  readonly path: string
}

export interface SpaceOfLayer {
  readonly layer: number
  readonly entries: number
  /** Sizes of its files; a hard-link group counts once. */
  readonly bytes: number
}

type Row = { name: Buffer; layer: number; layers: Buffer | null; mode: number; size: number }

/** A directory by its rows: the lower one's id, or 0; the upper's, 0 for its root, -1 where it has none. */
interface ShownDirectory {
  readonly dir: number
  readonly upper: number
}

interface UpperDirectory {
  readonly id: number
  readonly whiteout: number
  readonly opaque: number
  readonly redirect: Buffer | null
  readonly mode: number
}

export class IndexQueries {
  readonly #dirIn: Statement
  readonly #upperIn: Statement

  constructor(readonly db: Connection) {
    this.#dirIn = db.prepare(Sql.dirIn).pluck()
    this.#upperIn = db.prepare(Sql.upperIn)
  }

  /** The entries of the merged directory `path`, relative to the root; null when it is not known. */
  list(path: string): ListedEntry[] | null {
    const shown = this.#directory(path)
    if (shown === null) return null
    const upper = this.db
      .prepare(
        'SELECT name, -1 AS layer, NULL AS layers, mode, size, whiteout, opaque FROM upper_entries WHERE parent = ?',
      )
      .all(shown.upper) as (Row & { whiteout: number; opaque: number })[]
    const { dir } = shown
    const taken = new Map(upper.map((row) => [latin1(row.name), row]))
    const found: ListedEntry[] = upper.filter((row) => row.whiteout === 0).map(entryOf)
    if (dir !== 0) {
      const rows = this.db
        .prepare('SELECT name, layer, layers, mode, size FROM entries WHERE dir = ?')
        .all(dir) as Row[]
      for (const row of rows) if (!taken.has(latin1(row.name))) found.push(entryOf(row))
    }
    return found.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** The owner of `path`; null when it is not shown or not known. */
  owner(path: string): OwnedPath | null {
    const slash = path.lastIndexOf('/')
    const name = path.slice(slash + 1)
    const entry = this.list(path.slice(0, Math.max(0, slash)))?.find((each) => each.name === name)
    return entry === undefined ? null : { ...entry, path }
  }

  /** Entries and bytes by layer, of what is shown. */
  space(): SpaceOfLayer[] {
    const sql = `SELECT layer, count(*) AS entries, total(size / max(1, links)) AS bytes FROM owners
      WHERE kind <> 'directory' GROUP BY layer ORDER BY layer`
    return this.db.prepare(sql).all() as SpaceOfLayer[]
  }

  /** Why `path` is not shown from these layers, as noted when its directory was read. */
  hidden(path: string): { layer: number; hider: number | null; why: string }[] {
    const slash = path.lastIndexOf('/')
    const directory = namesOf(path.slice(0, Math.max(0, slash))).reduce(
      (dir, name) => this.#lowerIn(dir, name),
      this.#root,
    )
    const sql = 'SELECT layer, hider, why FROM hidden WHERE dir = ? AND name = ? ORDER BY layer'
    return this.db.prepare(sql).all(directory, bytesOf(path.slice(slash + 1))) as ReturnType<IndexQueries['hidden']>
  }

  close(): void {
    this.db.close()
  }

  /** The directory shown at `path`; null where there is none, or it is not known. */
  #directory(path: string): ShownDirectory | null {
    let at: ShownDirectory | null = { dir: this.#root, upper: 0 }
    for (const name of namesOf(path)) {
      at = this.#enter(at, name)
      if (at.dir === 0 && at.upper < 0) return null
    }
    return at.dir === 0 && path === '' && !this.#hasUpper() ? null : at
  }

  #enter({ dir, upper }: ShownDirectory, name: string): ShownDirectory {
    const row = this.#upperIn.get(upper, bytesOf(name)) as UpperDirectory | undefined
    if (row === undefined) return { dir: this.#lowerIn(dir, name), upper: -1 }
    if (row.whiteout !== 0 || row.mode >> 12 !== 4) return { dir: 0, upper: -1 }
    const { id, opaque, redirect } = row
    if (redirect !== null) return { dir: this.#lowerAt(latin1(redirect)), upper: id }
    return { dir: opaque !== 0 ? 0 : this.#lowerIn(dir, name), upper: id }
  }

  get #root(): number {
    return this.#lowerAt('')
  }

  /** The id of the lower directory at `path`, or 0. */
  #lowerAt(path: string): number {
    return (this.db.prepare(Sql.dirOfKey).pluck().get(keyOf(path)) as number | undefined) ?? 0
  }

  /** The id of the lower directory `name` in the one of the id `dir`, or 0. */
  #lowerIn(dir: number, name: string): number {
    return (this.#dirIn.get(dir, bytesOf(name)) as number | undefined) ?? 0
  }

  #hasUpper(): boolean {
    return this.db.prepare('SELECT 1 FROM upper_entries LIMIT 1').get() !== undefined
  }
}

/** The names of `path`, none for the root. */
function namesOf(path: string): string[] {
  return path === '' ? [] : path.split('/')
}

function entryOf({ name, layer, layers, mode, size }: Row): ListedEntry {
  return { name: latin1(name), layer, layers: layers === null ? [layer] : unpackLayers(layers), mode, size }
}
