/**
 * The index as a file: in a folder of its own that nobody else may enter, or where somebody wants to keep it. It lives
 * as long as the explorer does. Pages of SQLite are its memory, so a million entries cost what ten thousand do.
 */
import { existsSync, lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StratafsError } from '../../base/failure.js'
import { type Connection, connect, type Statement, sqliteObstacle } from '../../owner-index/database/database.js'
import { ROOT, SCHEMA } from './schema.js'

/** Kilobytes of pages that are kept. */
const CACHE_KB = 24 * 1024

export class IndexFile {
  readonly #statements = new Map<string, Statement>()

  private constructor(
    readonly path: string,
    private readonly db: Connection,
    private readonly folder: string | null,
  ) {}

  /** A new index; at `kept`, where it stays. Throws StratafsError. */
  static create(kept: string | null): IndexFile {
    const obstacle = sqliteObstacle()
    if (obstacle !== null) throw obstacle
    if (kept !== null && existsSync(kept)) throw new StratafsError(`--index ${kept} exists: name a new file`, 'EXISTS')
    const folder = kept === null ? newFolder() : null
    const path = kept ?? join(folder!, 'index.db')
    try {
      return new IndexFile(path, opened(path), folder)
    } catch (error) {
      if (folder !== null) rmSync(folder, { recursive: true, force: true })
      throw new StratafsError(`the index ${path} cannot be made: ${(error as Error).message}`)
    }
  }

  /** A statement, prepared once. */
  sql(text: string): Statement {
    let statement = this.#statements.get(text)
    if (statement === undefined) {
      statement = this.db.prepare(text)
      this.#statements.set(text, statement)
    }
    return statement
  }

  exec(text: string): void {
    this.db.exec(text)
  }

  /** Runs `work` as one transaction, unless it is within one. */
  together<T>(work: () => T): T {
    if (this.db.inTransaction) return work()
    this.db.exec('BEGIN')
    try {
      return work()
    } finally {
      this.db.exec('COMMIT')
    }
  }

  close(): void {
    this.db.close()
    if (this.folder !== null) rmSync(this.folder, { recursive: true, force: true })
  }
}

const FOLDER = 'stratafs-explore-'

/** A new folder; what explorers left that were killed is taken away. */
function newFolder(): string {
  for (const name of readdirSync(tmpdir())) {
    const pid = /^stratafs-explore-(\d+)-/.exec(name)?.[1]
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue
    const path = join(tmpdir(), name)
    if (lstatSync(path, { throwIfNoEntry: false })?.uid === process.getuid?.())
      rmSync(path, { recursive: true, force: true })
  }
  return mkdtempSync(join(tmpdir(), `${FOLDER}${process.pid}-`))
}

function opened(path: string): Connection {
  const db = connect(Buffer.from(path, 'utf8').toString('latin1'))
  // Nothing of it outlives a crash, so nothing waits for the disk.
  for (const words of ['page_size = 8192', 'journal_mode = MEMORY', 'synchronous = OFF', `cache_size = -${CACHE_KB}`])
    db.pragma(words)
  db.pragma('temp_store = FILE')
  db.exec(SCHEMA)
  db.exec(`INSERT INTO nodes VALUES(${ROOT}, 0, '', '/')`)
  return db
}

/** A name (latin1) as the index has it: text where it is UTF-8, else its bytes. */
export function asColumn(name: string): string | Buffer {
  if (isAscii(name)) return name
  const bytes = Buffer.from(name, 'latin1')
  const text = bytes.toString('utf8')
  return text.includes('\ufffd') || Buffer.byteLength(text) !== bytes.length ? bytes : text
}

/** The name in a column, latin1. */
export function fromColumn(value: unknown): string {
  if (typeof value === 'string') return isAscii(value) ? value : Buffer.from(value, 'utf8').toString('latin1')
  return Buffer.isBuffer(value) ? value.toString('latin1') : ''
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false
  return true
}
