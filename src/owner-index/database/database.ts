/**
 * better-sqlite3, loaded when the first database is opened and not before: loading it takes longer than starting a
 * mount.
 */
import { createRequire } from 'node:module'
import type { Database as Connection, Options, Statement } from 'better-sqlite3'
import { shown } from '../../base/text.js'

export type { Connection, Statement }

let Opened: (new (path: string, options?: Options) => Connection) | null = null

/**
 * Opens a database file. Throws SQLite's error. Paths are latin1 like everywhere; SQLite takes text, so one whose bytes
 * are not UTF-8 cannot be opened, and throws as a missing file does.
 */
export function connect(path: string, options: Options = {}): Connection {
  Opened ??= createRequire(import.meta.url)('better-sqlite3') as NonNullable<typeof Opened>
  return new Opened(shown(path), options)
}

/** SQLite's result code of an error it threw, such as `SQLITE_CORRUPT`; or the error in words. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown }).code
  return typeof code === 'string' ? code : String(error)
}
