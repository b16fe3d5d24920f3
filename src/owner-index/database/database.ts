/**
 * better-sqlite3, loaded when the first database is opened and not before: loading it takes longer than starting a
 * mount.
 */
import { createRequire } from 'node:module'
import type { Database as Connection, Options, Statement } from 'better-sqlite3'
import { shown } from '../../base/text.js'
import { loadSqlite, type SqliteClass, SqliteMissing } from './load-sqlite.js'

export type { Connection, Statement }

let Opened: SqliteClass | null = null

/**
 * Opens a database file. Throws SQLite's error. Paths are latin1 like everywhere; SQLite takes text, so one whose bytes
 * are not UTF-8 cannot be opened, and throws as a missing file does.
 */
export function connect(path: string, options: Options = {}): Connection {
  Opened ??= sqlite()
  return new Opened(shown(path), options)
}

/** Why SQLite cannot be used at all, in words; null where it can. Says nothing about any database. */
export function sqliteObstacle(): string | null {
  try {
    Opened ??= sqlite()
    return null
  } catch (error) {
    return (error as Error).message
  }
}

function sqlite(): SqliteClass {
  return loadSqlite(createRequire(import.meta.url))
}

/** SQLite's result code of an error it threw, such as `SQLITE_CORRUPT`; or the error in words. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown }).code
  if (typeof code === 'string') return code
  return error instanceof SqliteMissing ? error.message : String(error)
}
