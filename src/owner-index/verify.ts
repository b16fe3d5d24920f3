/**
 * Every row held against the layers: the tree is read again, by the code that fills the index, and compared with what
 * the database says. Directories that were never read are counted, and are no differences.
 */

import type { LayerDir } from '../layers/layer-dir.js'
import { bytesOf, latin1 } from '../layers/marks.js'
import { packLayers } from '../stack/layer-list.js'
import type { LowerStack } from '../stack/lower-stack.js'
import { STAT_SLOTS, Stat } from '../syscalls/stat.js'
import { readDirectoryRows } from './build/read-directory.js'
import type { Connection } from './database/database.js'
import type { DirectoryRows, HiddenName } from './database/rows.js'
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
  const waiting: { path: string; parts: readonly LayerDir[] }[] = [{ path: '', parts: stack.roots }]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const rows = verification.directory(next.path, next.parts)
    const prefix = next.path === '' ? '' : `${next.path}/`
    for (const child of rows?.directories ?? []) waiting.push({ path: prefix + child.name, parts: child.parts })
  }
  verification.surplus()
  return verification.counts
}

class Verification {
  readonly counts = { differences: 0, directories: 0, unread: 0 }
  readonly #seen = new Set<number>()

  constructor(
    private readonly db: Connection,
    private readonly stack: LowerStack,
    private readonly report: (found: Difference) => void,
  ) {}

  directory(path: string, parts: readonly LayerDir[]): DirectoryRows | null {
    const rows = readDirectoryRows(this.stack, path, parts)
    if (typeof rows === 'number') {
      this.#differs({ path, what: 'cannot be read' })
      return null
    }
    const known = this.db.prepare(Sql.stampedDir).get(bytesOf(path)) as KnownDirectory | undefined
    this.counts.directories++
    if (known === undefined) this.counts.unread++
    else this.#compare(rows, known)
    return rows
  }

  /** Directories that only the database has. */
  surplus(): void {
    for (const row of this.db.prepare('SELECT id, path FROM dirs').iterate()) {
      const { id, path } = row as { id: number; path: Buffer }
      if (!this.#seen.has(id)) this.#differs({ path: latin1(path), what: 'not in the layers' })
    }
  }

  #compare(rows: DirectoryRows, known: KnownDirectory): void {
    this.#seen.add(known.id)
    this.#column(rows.path, 'layers', hex(known.layers), hex(packLayers(rows.layers)))
    this.#stamps(rows, known.stamps)
    this.#hidden(rows, known.id)
    const entries = this.db.prepare(Sql.allRows).all(known.id) as EntryRow[]
    const byName = new Map(entries.map((row) => [latin1(row.name), row]))
    const prefix = rows.path === '' ? '' : `${rows.path}/`
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
  #stamps({ path, layers, stamps }: DirectoryRows, known: Buffer): void {
    for (const [part, layer] of layers.entries()) {
      const of = (all: Buffer): string => hex(all.subarray(part * STAMP_BYTES, (part + 1) * STAMP_BYTES))
      this.#column(path, `stamp of layer ${layer}`, of(known), of(stamps))
    }
  }

  #hidden({ path, hidden }: DirectoryRows, id: number): void {
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

type UpperRow = Record<string, number | Buffer | null> & { path: Buffer }

/** Compares the upper's rows in `db` with those in `fresh`; the number of differences. */
export function compareUpper(db: Connection, fresh: Connection, report: (found: Difference) => void): number {
  const sql = 'SELECT * FROM upper'
  const known = new Map((db.prepare(sql).all() as UpperRow[]).map((row) => [latin1(row.path), row]))
  let differences = 0
  const differs = (difference: Difference): void => {
    differences++
    report(difference)
  }
  for (const row of fresh.prepare(sql).iterate() as IterableIterator<UpperRow>) {
    const path = latin1(row.path)
    const old = known.get(path)
    known.delete(path)
    if (old === undefined) differs({ path, what: 'missing in the index' })
    else for (const column of differing(old, row)) differs({ path, what: 'differs', ...column })
  }
  for (const path of known.keys()) differs({ path, what: 'not in the layers' })
  return differences
}

function differing(
  old: UpperRow,
  row: UpperRow,
): { column: string; index: number | string; layers: number | string }[] {
  const plain = (value: number | Buffer | null): number | string =>
    typeof value === 'number' ? value : value === null ? '' : latin1(value)
  return Object.keys(row)
    .map((column) => ({ column: `upper ${column}`, index: plain(old[column]!), layers: plain(row[column]!) }))
    .filter(({ index, layers }) => index !== layers)
}

function hex(packed: Buffer | null): string {
  return packed === null ? '' : packed.toString('hex')
}
