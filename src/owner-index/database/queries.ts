/**
 * What people ask a database: who owns this path, what is in this directory and whose is it, how much each layer holds.
 * The same answers can be had with plain sqlite3 from the view `owners`; these are the ones that commands need, by
 * directory and without walking the whole view.
 */

import { bytesOf, latin1 } from '../../layers/marks.js'
import { unpackLayers } from '../../stack/layer-list.js'
import type { Connection } from './database.js'

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

export class IndexQueries {
  constructor(readonly db: Connection) {}

  /** The entries of the merged directory `path`, relative to the root; null when it is not known. */
  list(path: string): ListedEntry[] | null {
    const dir = this.#lowerOf(path)
    const upper = this.db
      .prepare('SELECT name, -1 AS layer, NULL AS layers, mode, size, whiteout, opaque FROM upper WHERE parent = ?')
      .all(bytesOf(path)) as (Row & { whiteout: number; opaque: number })[]
    if (dir === null && upper.length === 0 && !this.#isUpperDirectory(path)) return null
    const taken = new Map(upper.map((row) => [latin1(row.name), row]))
    const found: ListedEntry[] = upper.filter((row) => row.whiteout === 0).map(entryOf)
    if (dir !== null) {
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
    const sql = `SELECT h.layer, h.hider, h.why FROM hidden h JOIN dirs d ON d.id = h.dir
      WHERE d.path = ? AND h.name = ? ORDER BY h.layer`
    const directory = bytesOf(path.slice(0, Math.max(0, slash)))
    return this.db.prepare(sql).all(directory, bytesOf(path.slice(slash + 1))) as ReturnType<IndexQueries['hidden']>
  }

  close(): void {
    this.db.close()
  }

  /** The id of the lower directory shown at `path`, or null. */
  #lowerOf(path: string): number | null {
    return (this.db.prepare('SELECT dir FROM shown WHERE path = ?').pluck().get(bytesOf(path)) as number) ?? null
  }

  #isUpperDirectory(path: string): boolean {
    return this.db.prepare('SELECT 1 FROM upper WHERE path = ? AND mode >> 12 = 4').get(bytesOf(path)) !== undefined
  }
}

function entryOf({ name, layer, layers, mode, size }: Row): ListedEntry {
  return { name: latin1(name), layer, layers: layers === null ? [layer] : unpackLayers(layers), mode, size }
}
