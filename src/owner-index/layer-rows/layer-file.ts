/**
 * The rows of one layer, read once and shared by every mount over it: a file of their own in the shared directory
 * (docs/index.md), named by a hash of the layer's identity and of the prefix of its marks. It is whole when it gets its
 * name, and nobody writes to it afterwards. A row is one directory as it lies in the layer, whatever other layers make
 * of it: so it serves in every stack. It is believed where the directory's stamp is still the same.
 */
import { createHash } from 'node:crypto'
import { existsSync, renameSync, rmSync } from 'node:fs'
import { pathBytes } from '../../base/text.js'
import type { Layer } from '../../layers/layer-dir.js'
import { bytesOf } from '../../layers/marks.js'
import { type Connection, connect, type Statement } from '../database/database.js'
import { isStrange } from '../database/regular.js'
import { putInPlace, temporaryIn } from '../database/shared-stacks.js'
import { layerIdentity, layersDirectory } from '../database/stack-identity.js'
import { Listing, type PackedListing, sumOf } from './listing.js'

/** `stra` with the last letter of `layer`. */
const LAYER_APPLICATION_ID = 0x73747272
const LAYER_ROWS_VERSION = 1

/** Bits of dirs.flags. */
export const LayerDirFlag = {
  /** It, or a file in it, may have changed unnoticed after it was read. */
  RACY: 1,
  /** It carries marks of a union, or names that begin with `.wh.`. */
  MARKED: 2,
} as const

const CREATE = `PRAGMA application_id = ${LAYER_APPLICATION_ID};
PRAGMA user_version = ${LAYER_ROWS_VERSION};
BEGIN;
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE dirs (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, name BLOB NOT NULL, stamp BLOB NOT NULL,
  flags INTEGER NOT NULL, count INTEGER NOT NULL, sum INTEGER NOT NULL, names BLOB, content BLOB,
  UNIQUE (parent, name));
COMMIT;`

/** A directory's row without what is in it. */
export type LayerDirRow = [id: number, stamp: Buffer, flags: number, count: number, sum: number]
type ContentRow = [names: Buffer | null, content: Buffer | null]

/** Where the rows of `layer` lie, or would. `prefix`: of the marks that were looked for. */
export function layerRowsPath(layer: Layer, prefix: string): string {
  const hash = createHash('sha256').update(`${prefix}\n${layerIdentity(layer)}`, 'latin1')
  return `${layersDirectory()}/${hash.digest('hex').slice(0, 40)}.db`
}

/** Rows of a layer to be asked. What SQLite throws is thrown on. */
export class LayerFile {
  readonly #dir: Statement
  readonly #content: Statement

  private constructor(
    private readonly db: Connection,
    private readonly layer: Layer,
  ) {
    this.#dir = db.prepare('SELECT id, stamp, flags, count, sum FROM dirs WHERE parent = ? AND name = ?').raw()
    this.#content = db.prepare('SELECT names, content FROM dirs WHERE id = ?').raw()
  }

  /** The rows in the file `path`; null where there is none, and a fault in words where it is not about `layer`. */
  static open(path: string, layer: Layer): LayerFile | null | { fault: string } {
    if (!existsSync(pathBytes(path)) && !isStrange(path)) return null
    const db = connect(path, { readonly: true, fileMustExist: true })
    try {
      const fault = faultOf(db, layer)
      if (fault !== null) {
        db.close()
        return { fault }
      }
      // Kilobytes. One transaction: nobody writes here, and no lock is taken for each row.
      db.pragma('cache_size = -256')
      db.exec('BEGIN')
      return new LayerFile(db, layer)
    } catch (error) {
      db.close()
      throw error
    }
  }

  /** The directory `name` in the one of the id `parent`; the root's is 0. */
  directory(parent: number, name: string): LayerDirRow | null {
    return (this.#dir.get(parent, bytesOf(name)) as LayerDirRow | undefined) ?? null
  }

  /** What is in a directory; null where its row does not tell, `damaged` where it does not add up. */
  listing([id, stamp, flags, count, sum]: LayerDirRow): Listing | null | 'damaged' {
    const [names, content] = this.#content.get(id) as ContentRow
    if (rowSum(stamp, flags, names, content) !== sum) return 'damaged'
    if (names === null || content === null) return null
    return Listing.of({ names, content }, count, this.layer) ?? 'damaged'
  }

  close(): void {
    this.db.close()
  }
}

function rowSum(stamp: Buffer, flags: number, names: Buffer | null, content: Buffer | null): number {
  const parts = [Buffer.of(flags), names ?? Buffer.alloc(0), content ?? Buffer.alloc(0)]
  return parts.reduce((sum, part) => sumOf(part, sum), sumOf(stamp))
}

function faultOf(db: Connection, layer: Layer): string | null {
  if (db.pragma('application_id', { simple: true }) !== LAYER_APPLICATION_ID) return 'of another program'
  if (db.pragma('user_version', { simple: true }) !== LAYER_ROWS_VERSION) return 'of another version'
  const identity = db.prepare("SELECT value FROM meta WHERE key = 'layer'").pluck().get()
  return identity === layerIdentity(layer) ? null : 'about another layer'
}

/** Puts a file that cannot be used out of the way. */
export function setLayerRowsAside(path: string): void {
  try {
    renameSync(pathBytes(path), pathBytes(`${path}.damaged`))
  } catch {
    // It is not used in any case.
  }
}

/** Rows of a layer on their way into a file. */
export class NewLayerFile {
  readonly #put: Statement
  #ids = 0

  private constructor(
    private readonly db: Connection,
    private readonly temporary: string,
    private readonly path: string,
  ) {
    const row = 'INSERT INTO dirs (id, parent, name, stamp, flags, count, sum, names, content)'
    this.#put = db.prepare(`${row} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`)
  }

  /** Begins one; null where there can be none. Throws what SQLite throws. */
  static create(layer: Layer, prefix: string): NewLayerFile | null {
    const path = layerRowsPath(layer, prefix)
    const temporary = temporaryIn(layersDirectory(), path)
    if (temporary === null) return null
    const db = connect(temporary)
    db.pragma('page_size = 8192')
    db.pragma('journal_mode = OFF')
    db.pragma('synchronous = OFF')
    db.exec(CREATE)
    db.exec('BEGIN')
    db.prepare('INSERT INTO meta VALUES (?, ?)').run('layer', layerIdentity(layer))
    return new NewLayerFile(db, temporary, path)
  }

  /** Adds the directory `name` in the one of the id `parent`; its id. `listing` null: it has to be read. */
  add(
    parent: number,
    name: string,
    stamp: Buffer,
    flags: number,
    count: number,
    listing: PackedListing | null,
  ): number {
    const { names = null, content = null } = listing ?? {}
    const id = ++this.#ids
    this.#put.run(id, parent, bytesOf(name), stamp, flags, count, rowSum(stamp, flags, names, content), names, content)
    return id
  }

  /** Gives it its name. */
  publish(): void {
    this.db.exec('COMMIT')
    this.db.close()
    putInPlace(this.temporary, this.path)
  }

  /** Throws it away. */
  discard(): void {
    this.db.close()
    rmSync(pathBytes(this.temporary), { force: true })
  }
}
