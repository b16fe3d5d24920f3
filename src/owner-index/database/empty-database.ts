/**
 * A database with every table and no row, as the bytes of its file. Each mount begins with one, and a file that is
 * written at once costs a tenth of one that SQLite makes statement by statement.
 */
import { writeFileSync } from 'node:fs'
import { pathBytes } from '../../base/text.js'
import { type Connection, connect, MEMORY, refuseStrange } from './database.js'
import { CREATE } from './schema.js'

const PAGE_BYTES = 8192
/** Where the header says how the file is written and read (https://www.sqlite.org/fileformat.html, 1.3.3). */
const FORMAT_VERSIONS = [18, 19] as const
const WAL = 2

/** As SQLite makes it, and in WAL mode. */
let plain: Buffer | null = null
let inWalMode: Buffer | null = null

/**
 * Opens a new one at `path`; throws where anything lies there. What is a companion's name but no file of SQLite's is
 * found before anything is made.
 */
export function beginDatabase(path: string, wal: boolean): Connection {
  refuseStrange(path)
  plain ??= make()
  inWalMode ??= withWal(plain)
  writeFileSync(pathBytes(path), wal ? inWalMode : plain, { flag: 'wx', mode: 0o644 })
  return connect(path, { fileMustExist: true })
}

function make(): Buffer {
  const db = connect(MEMORY)
  db.pragma(`page_size = ${PAGE_BYTES}`)
  db.exec(CREATE)
  const bytes = db.serialize()
  db.close()
  return bytes
}

function withWal(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  for (const at of FORMAT_VERSIONS) copy[at] = WAL
  return copy
}
