/**
 * Every row held against the layers: the tree is read again, by the code that fills the index, and compared with what
 * the database says. Directories that were never read are counted, and are no differences.
 */

import { bytesOf, latin1 } from '../layers/marks.js'
import type { HiddenName } from '../stack/explained-names.js'
import { packLayers } from '../stack/layer-list.js'
import type { LowerStack } from '../stack/lower-stack.js'
import { STAT_SLOTS, Stat } from '../syscalls/stat.js'
import { readDirectoryRows } from './build/read-directory.js'
import type { Connection, Statement } from './database/database.js'
import { PathsOf } from './database/paths-of.js'
import { Place } from './database/place.js'
import type { DirectoryRows } from './database/rows.js'
import { Sql } from './database/schema.js'
import { inodeOf, STAMP_BYTES } from './database/stamps.js'
import { derivedColumns } from './database/stat-rows.js'

/** One way in which the database and the layers differ. */
export interface Difference {
  readonly path: string
  readonly what: 'missing in the index' | 'not in the layers' | 'differs' | 'cannot be read'
  /** For `differs`: which column, what the index says, what the layers say. */
  readonly column?: string
  readonly index?: number | string
  readonly layers?: number | string
}

const STAT_COLUMNS = {
  mode: Stat.MODE,
  size: Stat.SIZE,
  uid: Stat.UID,
  gid: Stat.GID,
  mtime: Stat.MTIME,
  mtime_ns: Stat.MTIME_NS,
  ctime: Stat.CTIME,
  ctime_ns: Stat.CTIME_NS,
  links: Stat.NLINK,
} as const

/** Those of `derivedColumns`, by their place there. Times of access change with every reading and are no difference. */
const DERIVED = { btime: 2, btime_ns: 3, blocks: 4, blksize: 5, rdev: 6 } as const

type EntryRow = Record<string, number> & { name: Buffer; layers: Buffer | null }

interface KnownDirectory {
  readonly id: number
  readonly layers: Buffer
  readonly stamps: Buffer
}

/** Compares all of it. */
export function verifyRows(
  db: Connection,
  stack: LowerStack,
  difference: (found: Difference) => void,
): { differences: number; directories: number; unread: number } {
  const verification = new Verification(db, stack, difference)
  const waiting = [{ place: Place.root(stack.roots), parent: 0 }]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { rows, id } = verification.directory(next.place, next.parent)
    for (const { name, parts } of rows?.directories ?? []) {
      waiting.push({ place: next.place.child(name, parts), parent: id })
    }
  }
  verification.surplus()
  return verification.counts
}

class Verification {
  readonly counts = { differences: 0, directories: 0, unread: 0 }
  readonly #seen = new Set<number>()
  readonly #stamped: Statement
  readonly #rows: Statement

  constructor(
    private readonly db: Connection,
    private readonly stack: LowerStack,
    private readonly report: (found: Difference) => void,
  ) {
    this.#stamped = db.prepare(Sql.stampedDir)
    this.#rows = db.prepare(Sql.allRows)
  }

  /**
   * The directory at `place`, as it is, and the id of its row, which the one of the id `parent` has; -1: there is none.
   */
  directory(place: Place, parent: number): { rows: DirectoryRows | null; id: number } {
    const rows = readDirectoryRows(this.stack, place)
    if (typeof rows === 'number') {
      this.#differs({ path: place.path, what: 'cannot be read' })
      return { rows: null, id: -1 }
    }
    const known = this.#stamped.get(parent, bytesOf(place.name)) as KnownDirectory | undefined
    this.counts.directories++
    if (known === undefined) this.counts.unread++
    else this.#compare(rows, known)
    return { rows, id: known?.id ?? -1 }
  }

  /** Directories that only the database has. */
  surplus(): void {
    const paths = new PathsOf(this.db)
    for (const id of this.db.prepare(Sql.allDirs).pluck().all() as number[]) {
      if (!this.#seen.has(id)) this.#differs({ path: paths.at(id), what: 'not in the layers' })
    }
  }

  #compare(rows: DirectoryRows, known: KnownDirectory): void {
    this.#seen.add(known.id)
    const { path } = rows.place
    this.#column(path, 'layers', hex(known.layers), hex(packLayers(rows.layers)))
    this.#stamps(path, rows, known.stamps)
    this.#hidden(path, rows, known.id)
    const entries = this.#rows.all(known.id) as EntryRow[]
    const byName = new Map(entries.map((row) => [latin1(row.name), row]))
    const prefix = path === '' ? '' : `${path}/`
    for (const [i, name] of rows.names.entries()) {
      const row = byName.get(name)
      byName.delete(name)
      if (row === undefined) this.#differs({ path: prefix + name, what: 'missing in the index' })
      else this.#entry(prefix + name, rows, i, row)
    }
    for (const name of byName.keys()) this.#differs({ path: prefix + name, what: 'not in the layers' })
  }

  /**
   * A changed stamp alone does no harm, for the engine asks the layers then; it is told because the layer was edited.
   */
  #stamps(path: string, { layers, stamps }: DirectoryRows, known: Buffer): void {
    for (const [part, layer] of layers.entries()) {
      const of = (all: Buffer): string => hex(all.subarray(part * STAMP_BYTES, (part + 1) * STAMP_BYTES))
      this.#column(path, `stamp of layer ${layer}`, of(known), of(stamps))
    }
  }

  #hidden(path: string, { hidden }: DirectoryRows, id: number): void {
    const words = ({ layer, type, hider, why }: Omit<HiddenName, 'name'>): string => `${layer} ${type} ${hider} ${why}`
    const rows = this.db.prepare(Sql.hiddenRows).all(id) as (Omit<HiddenName, 'name'> & { name: Buffer })[]
    const known = new Map(rows.map((row) => [`${row.layer} ${latin1(row.name)}`, words(row)]))
    const prefix = path === '' ? '' : `${path}/`
    // A layer may hide a name and have it: of two rows about one the later stands, as in the database.
    const fresh = new Map(hidden.map((each) => [`${each.layer} ${each.name}`, words(each)]))
    for (const key of new Set([...known.keys(), ...fresh.keys()])) {
      const space = key.indexOf(' ')
      const column = `hidden in layer ${key.slice(0, space)}`
      this.#column(prefix + key.slice(space + 1), column, known.get(key) ?? '', fresh.get(key) ?? '')
    }
  }

  #entry(path: string, rows: DirectoryRows, i: number, row: EntryRow): void {
    this.#column(path, 'layer', row.layer!, rows.owners[i]!)
    this.#column(path, 'flags', row.flags!, rows.entryFlags[i]!)
    this.#column(path, 'layers', hex(row.layers), hex(rows.joined[i]!))
    for (const [column, slot] of Object.entries(STAT_COLUMNS)) {
      this.#column(path, column, row[column]!, rows.stats[i * STAT_SLOTS + slot]!)
    }
    this.#column(path, 'ino', row.ino!, inodeOf(rows.stats, i * STAT_SLOTS))
    const derived = derivedColumns(rows.stats, i * STAT_SLOTS)
    for (const [column, at] of Object.entries(DERIVED)) this.#column(path, column, row[column] ?? '', derived[at] ?? '')
  }

  #column(path: string, column: string, index: number | string, layers: number | string): void {
    if (index !== layers) this.#differs({ path, what: 'differs', column, index, layers })
  }

  #differs(difference: Difference): void {
    this.counts.differences++
    this.report(difference)
  }
}

function hex(packed: Buffer | null): string {
  return packed === null ? '' : packed.toString('hex')
}
