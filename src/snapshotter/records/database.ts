/**
 * The snapshotter's own memory: one SQLite file, one row a snapshot. A call is one transaction, on disk before the call
 * is answered, because containerd remembers what it was told on disk as well.
 */
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
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

/** Opens the database at `path` (latin1), made where it is missing. Throws StratafsError. */
export function openDatabase(path: string): Connection {
  try {
    const db = connect(path, { timeout: 5_000 })
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = FULL')
    db.pragma('foreign_keys = ON')
    if (db.pragma('user_version', { simple: true }) === 0) db.exec(CREATE)
    checkOwner(db, path)
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

/** Runs `act` as one transaction: all of it, or nothing where it throws. */
export function transaction<T>(db: Connection, act: () => T): T {
  db.exec('BEGIN IMMEDIATE')
  try {
    const result = act()
    db.exec('COMMIT')
    return result
  } catch (error) {
    if (db.inTransaction) db.exec('ROLLBACK')
    throw error
  }
}
