/**
 * The snapshotter's own memory: one SQLite file, one row a snapshot. A call is one transaction, on disk before the call
 * is answered, because containerd remembers what it was told on disk as well.
 *
 * SQLite would call fsync(2) for that, whose new mtime has the filesystem commit its journal, with what others write.
 * So the log (WAL) has its length from the beginning, and after each commit fdatasync(2) is called here, which then
 * concerns the log alone.
 */
import { closeSync, fdatasyncSync, openSync, statSync } from 'node:fs'
import { StratafsError } from '../../base/failure.js'
import { pathBytes, shown } from '../../base/text.js'
import { type Connection, codeOf, connect } from '../../owner-index/database/database.js'

/** `stra` with the last letters of `snapshotter`. */
const APPLICATION_ID = 0x7374726e
const VERSION = 1

const CREATE = `PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${VERSION};
BEGIN;
CREATE TABLE snapshots (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE,
  parent INTEGER REFERENCES snapshots (id), kind INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,
  labels TEXT NOT NULL, inodes INTEGER, size INTEGER);
CREATE INDEX children ON snapshots (parent);
COMMIT;`

/** Bytes of the log: more than SQLite lets come together before it begins at the front again. */
const LOG_BYTES = 6 << 20

/** The log of each open database. */
const logs = new WeakMap<Connection, number>()

/** Opens the database at `path` (latin1), made where it is missing. Throws StratafsError. */
export function openDatabase(path: string): Connection {
  try {
    const db = connect(path, { timeout: 5_000 })
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = NORMAL')
    db.pragma('foreign_keys = ON')
    if (db.pragma('user_version', { simple: true }) === 0) db.exec(CREATE)
    checkOwner(db, path)
    logs.set(db, openLog(db, `${path}-wal`))
    return db
  } catch (error) {
    if (error instanceof StratafsError) throw error
    const remedy = 'keep it for whoever looks into it, and begin with another --root'
    throw new StratafsError(`${shown(path)} cannot be opened: ${codeOf(error)}`, 'DAMAGED', remedy)
  }
}

function checkOwner(db: Connection, path: string): void {
  if (db.pragma('application_id', { simple: true }) !== APPLICATION_ID)
    throw new StratafsError(`${shown(path)} is of another program`, 'INVALID_ARGUMENT', 'name another --root')
  if (db.pragma('user_version', { simple: true }) !== VERSION)
    throw new StratafsError(`${shown(path)} is of another version`, 'INVALID_ARGUMENT', 'use the version that made it')
}

/** The open log, with all of its length: SQLite writes over it from the front after a checkpoint. */
function openLog(db: Connection, path: string): number {
  if ((statSync(pathBytes(path), { throwIfNoEntry: false })?.size ?? 0) < LOG_BYTES) {
    db.exec(`BEGIN; CREATE TABLE room (bytes BLOB); INSERT INTO room VALUES (zeroblob(${LOG_BYTES})); COMMIT`)
    db.exec('DROP TABLE room')
    db.pragma('wal_checkpoint(RESTART)')
  }
  const fd = openSync(pathBytes(path), 'r+')
  fdatasyncSync(fd)
  return fd
}

export function closeDatabase(db: Connection): void {
  db.close()
  const log = logs.get(db)
  if (log !== undefined) closeSync(log)
}

/** Runs `act` as one transaction: all of it, or nothing where it throws. It is on disk afterwards. */
export function transaction<T>(db: Connection, act: () => T): T {
  db.exec('BEGIN IMMEDIATE')
  try {
    const result = act()
    db.exec('COMMIT')
    const log = logs.get(db)
    if (log !== undefined) fdatasyncSync(log)
    return result
  } catch (error) {
    if (db.inTransaction) db.exec('ROLLBACK')
    throw error
  }
}
