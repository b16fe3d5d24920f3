/**
 * The change log (`-o changelog=1`): a table of the mount's database, which has it only where somebody asked for it,
 * and the view `changes`, by which people read it. The oldest rows go when there are more than `limit`.
 */
import type { Connection } from './database.js'

/** What happened, as it is stored. */
export const ChangeKind = { CREATED: 1, CHANGED: 2, RENAMED: 3, REMOVED: 4, LOST: 5 } as const

/**
 * One change. Paths latin1, relative to the root of the merged tree; `other`: what it is called after a rename. `uid`
 * and `pid`: null where nobody knows. `time` in ms. LOST: `count` changes are missing here (null: some may be).
 */
export interface ChangeRow {
  readonly time: number
  readonly kind: number
  readonly path: string
  readonly other: string | null
  readonly uid: number | null
  readonly pid: number | null
  readonly count: number | null
}

/** `count` changes are not in the log; null: nobody knows whether any are. */
export function lostRow(count: number | null): ChangeRow {
  return { time: Date.now(), kind: ChangeKind.LOST, path: '', other: null, uid: null, pid: null, count }
}

const KINDS = Object.entries(ChangeKind).map(([name, kind]) => `WHEN ${kind} THEN '${name.toLowerCase()}'`)

const CREATE_LOG = `
CREATE TABLE IF NOT EXISTS change_log (id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL,
  kind INTEGER NOT NULL, path BLOB NOT NULL, other BLOB, uid INTEGER, pid INTEGER, count INTEGER);
CREATE VIEW IF NOT EXISTS changes AS
SELECT id, strftime('%Y-%m-%dT%H:%M:%f', time / 1000.0, 'unixepoch') || 'Z' AS time,
  CASE kind ${KINDS.join(' ')} END AS change,
  CASE WHEN kind = ${ChangeKind.LOST} THEN NULL ELSE '/' || CAST(path AS TEXT) END AS path,
  '/' || CAST(other AS TEXT) AS renamed_to, uid, pid, count AS lost
FROM change_log ORDER BY id;
`
const ADD = 'INSERT INTO change_log (time, kind, path, other, uid, pid, count) VALUES (?, ?, ?, ?, ?, ?, ?)'
const TRIM = 'DELETE FROM change_log WHERE id <= (SELECT max(id) FROM change_log) - ?'
const HAS_LOG = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'change_log'"
const READ = `SELECT id, time, kind, path, other, uid, pid, count FROM change_log WHERE id > ? AND time >= ?
  ORDER BY id LIMIT ?`

/** Rows between two trims. */
const TRIM_AFTER = 1000

/** The log being written, by the one writer of the database. Errors of SQLite are thrown. */
export class ChangeLogTable {
  #added = TRIM_AFTER

  constructor(
    private readonly db: Connection,
    private readonly limit: number,
  ) {
    db.exec(CREATE_LOG)
  }

  add(rows: readonly ChangeRow[]): void {
    const add = this.db.prepare(ADD)
    for (const { time, kind, path, other, uid, pid, count } of rows)
      add.run(time, kind, bytes(path), other === null ? null : bytes(other), uid, pid, count)
    this.#added += rows.length
    if (this.#added < TRIM_AFTER) return
    this.#added = 0
    this.db.prepare(TRIM).run(this.limit)
  }
}

/** A row with its id, by which a reader goes on. */
export interface StoredChange extends ChangeRow {
  readonly id: number
}

/** Rows after `id` that are not older than `since` (ms), at most `most`; null: the database has no log. */
export function readChanges(db: Connection, id: number, since: number, most: number): StoredChange[] | null {
  if (db.prepare(HAS_LOG).get() === undefined) return null
  return (db.prepare(READ).all(id, since, most) as Record<string, unknown>[]).map((row) => ({
    ...(row as unknown as StoredChange),
    path: (row.path as Buffer).toString('latin1'),
    other: row.other === null ? null : (row.other as Buffer).toString('latin1'),
  }))
}

function bytes(path: string): Buffer {
  return Buffer.from(path, 'latin1')
}
