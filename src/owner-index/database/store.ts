/**
 * The database being written: by the one writer of a mount, or by a build into a file of its own. Whoever calls decides
 * where a transaction begins and ends. Errors of SQLite are thrown; the caller sets the database aside.
 */
import { bytesOf, latin1 } from '../../layers/marks.js'
import type { HiddenName } from '../../stack/explained-names.js'
import { packLayers } from '../../stack/layer-list.js'
import type { LowerStack } from '../../stack/lower-stack.js'
import { STAT_SLOTS, Stat } from '../../syscalls/stat.js'
import { type Connection, connect, MEMORY, type Statement } from './database.js'
import { beginDatabase } from './empty-database.js'
import { keyOf } from './place.js'
import { checkShare, type DirectoryRows, type StoredRows } from './rows.js'
import { CREATE, Sql } from './schema.js'
import { layerIdentity, stackIdentity } from './stack-identity.js'
import { inodeOf } from './stamps.js'
import { derivedColumns, rowHash } from './stat-rows.js'

export class IndexStore {
  readonly #statements = new Map<string, Statement>()
  #stored: number[] | null = null
  #nextDir: number

  private constructor(
    readonly db: Connection,
    readonly path: string,
  ) {
    this.#nextDir = (this.#run(Sql.maxDirId).pluck().get() as number) + 1
  }

  /** Takes over an existing database, which has been checked. */
  static of(db: Connection, path: string): IndexStore {
    return new IndexStore(db, path)
  }

  /**
   * Makes the database of `stack` in the missing file `path`. `dirty`: it is in WAL mode, and this mount's from its
   * first row on. Nothing is synced: what a crash of the machine leaves of it is not believed.
   */
  static create(path: string, stack: LowerStack, dirty: string | null = null): IndexStore {
    const db = path === MEMORY ? connect(path).exec(CREATE) : beginDatabase(path, dirty !== null)
    db.pragma('synchronous = OFF')
    const store = new IndexStore(db, path)
    store.begin()
    store.setMeta('stack', stackIdentity(stack))
    store.setMeta('created', new Date().toISOString())
    if (dirty !== null) store.setMeta('dirty', dirty)
    for (const layer of stack.lowers) {
      store.#run(Sql.addLayer).run(layer.position, 'lower', bytesOf(layer.path), layerIdentity(layer), layer.uuid)
    }
    store.commit()
    return store
  }

  #run(sql: string): Statement {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.db.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  /** The prepared statement of `sql`, for what is written beside this class. */
  statement(sql: string): Statement {
    return this.#run(sql)
  }

  /**
   * The directories whose rows have been put in place since this was asked last; they are noted from the first time on.
   */
  takeStored(): number[] {
    this.#stored ??= []
    return this.#stored.splice(0)
  }

  begin(): void {
    if (!this.db.inTransaction) this.#run('BEGIN').run()
  }

  commit(): void {
    if (this.db.inTransaction) this.#run('COMMIT').run()
  }

  close(): void {
    this.db.close()
  }

  /** Closes it, marked as ended well. The mark comes last, when all before it is in the file itself. */
  end(): void {
    this.db.pragma('wal_checkpoint(TRUNCATE)')
    this.setMeta('dirty', 'clean')
    this.db.pragma('wal_checkpoint(TRUNCATE)')
    this.close()
  }

  meta(key: string): unknown {
    return (this.#run(Sql.getMeta).raw().get(key) as unknown[] | undefined)?.[0] ?? null
  }

  setMeta(key: string, value: string | number | null): void {
    this.#run(Sql.setMeta).run(key, value)
  }

  /** Notes that a layer turned out to be another one than when it was read. */
  noteEdited(layer: number): void {
    this.#run(Sql.layerEdited).run(layer)
  }

  /** The id of the directory at `path`, or 0. */
  idOf(path: string): number {
    const key = keyOf(path)
    if (key !== null) return idIn(this.#run(Sql.dirOfKey).raw().get(key))
    return path.split('/').reduce((above, name) => this.idIn(above, name), this.idIn(0, ''))
  }

  /** The id of the directory `name` in the one of the id `parent`, or 0. The root's parent is 0. */
  idIn(parent: number, name: string): number {
    return idIn(this.#run(Sql.dirIn).raw().get(parent, bytesOf(name)))
  }

  /** Puts the rows of one directory in place of those that were there. `parent`: its parent's id, 0 for the root. */
  put(rows: DirectoryRows, parent: number): number {
    const known = this.idIn(parent, rows.name)
    if (known === 0) return this.#add(rows, parent)
    this.#run(Sql.dropEntries).run(known)
    this.#run(Sql.dropHidden).run(known)
    this.#dropVanished(known, rows)
    this.insert(known, rows, parent)
    return known
  }

  #add(rows: DirectoryRows, parent: number): number {
    const id = this.#nextDir++
    this.insert(id, rows, parent)
    return id
  }

  /** Adds the rows of directory `id`, of which there are none. */
  insert(id: number, rows: StoredRows, parent: number): void {
    this.#stored?.push(id)
    const entry = this.#run(Sql.putEntry)
    const { names, owners, entryFlags, joined, stats } = rows
    let sum = 0
    for (let i = 0; i < names.length; i++) {
      const mode = stats[i * STAT_SLOTS + Stat.MODE]!
      const flags = entryFlags[i]!
      const share = checkShare(names[i]!, owners[i]!, flags, mode, joined[i]!)
      entry.run(id, ...valuesOf(rows, i), rowHash(share, flags, stats, i * STAT_SLOTS))
      sum += share
    }
    for (const hidden of rows.hidden) this.#insertHidden(id, hidden)
    const { name, key, layers, stamps, readAt, racy } = rows
    const packed = packLayers(layers)
    this.#run(Sql.putDir).run(
      id,
      parent,
      bytesOf(name),
      key,
      packed,
      stamps,
      readAt,
      racy ? 1 : 0,
      rows.flags,
      names.length,
      sum % 2 ** 32,
    )
  }

  #insertHidden(id: number, { name, layer, type, hider, why }: HiddenName): void {
    this.#run(Sql.putHidden).run(id, bytesOf(name), layer, type, hider, why)
  }

  /** Directories that are not shown any more go, with all below them. */
  #dropVanished(id: number, rows: DirectoryRows): void {
    const present = new Set(rows.directories.map((child) => child.name))
    for (const [child, name] of this.#run(Sql.childDirs).raw().all(id) as [number, Buffer][]) {
      if (!present.has(latin1(name))) this.#dropTree(child)
    }
  }

  #dropTree(top: number): void {
    const waiting = [top]
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      for (const [child] of this.#run(Sql.childDirs).raw().all(id) as [number][]) waiting.push(child)
      for (const sql of [Sql.dropEntries, Sql.dropHidden, Sql.dropDir]) this.#run(sql).run(id)
    }
  }
}

function idIn(row: unknown): number {
  return (row as [number] | undefined)?.[0] ?? 0
}

/** What stands in the row of name number `i`, from `name` to `rdev`. */
function valuesOf({ names, owners, entryFlags, joined, stats }: StoredRows, i: number): unknown[] {
  const at = i * STAT_SLOTS
  return [
    Buffer.from(names[i]!, 'latin1'),
    owners[i],
    joined[i],
    entryFlags[i],
    stats[at + Stat.MODE],
    stats[at + Stat.SIZE],
    stats[at + Stat.UID],
    stats[at + Stat.GID],
    stats[at + Stat.MTIME],
    stats[at + Stat.MTIME_NS],
    stats[at + Stat.CTIME],
    stats[at + Stat.CTIME_NS],
    inodeOf(stats, at),
    stats[at + Stat.NLINK],
    ...derivedColumns(stats, at),
  ]
}
