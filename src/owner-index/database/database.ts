/**
 * better-sqlite3, loaded when the first database is opened and not before: loading it takes longer than starting a
 * mount.
 */

import { createRequire } from 'node:module'
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import { loadSqlite, type SqliteClass } from './load-sqlite.js'
import { isStrangeDatabase } from './regular.js'

/** A prepared statement: what is used of better-sqlite3's, so that our declarations need no other package's. */
export interface Statement {
  run(...values: unknown[]): { readonly changes: number; readonly lastInsertRowid: number | bigint }
  get(...values: unknown[]): unknown
  all(...values: unknown[]): unknown[]
  iterate(...values: unknown[]): IterableIterator<unknown>
  /** Gives the first column in place of the row. */
  pluck(on?: boolean): this
  /** Gives rows as arrays. */
  raw(on?: boolean): this
}

/** An open database, likewise. */
export interface Connection {
  readonly inTransaction: boolean
  prepare(sql: string): Statement
  exec(sql: string): this
  pragma(words: string, options?: { readonly simple?: boolean }): unknown
  /** The bytes of its file. */
  serialize(): Buffer
  close(): this
}

interface Options {
  readonly readonly?: boolean
  readonly fileMustExist?: boolean
  readonly timeout?: number
}

/** A database without any file. */
export const MEMORY = ':memory:'

let Opened: SqliteClass | null = null

/** Instead of SQLite's code: what lies there is not opened. */
const NO_FILE = 'no regular file'

/**
 * Opens a database file. Throws SQLite's error, and NO_FILE as a code where it or a companion is no regular file. Paths
 * are latin1 like everywhere; SQLite takes text, so one whose bytes are not UTF-8 cannot be opened, and throws as a
 * missing file does.
 */
export function connect(path: string, options: Options = {}): Connection {
  refuseStrange(path)
  Opened ??= sqlite()
  return new Opened(shown(path), options)
}

/** Throws where the database or a companion is no regular file, with NO_FILE as its code. */
export function refuseStrange(path: string): void {
  if (path !== MEMORY && isStrangeDatabase(path))
    throw Object.assign(new Error(`${shown(path)} is ${NO_FILE}`), { code: NO_FILE })
}

/** Why SQLite cannot be used at all; null where it can. Says nothing about any database. */
export function sqliteObstacle(): StratafsError | null {
  try {
    Opened ??= sqlite()
    return null
  } catch (error) {
    return error instanceof StratafsError ? error : new StratafsError(String(error))
  }
}

function sqlite(): SqliteClass {
  return loadSqlite(createRequire(import.meta.url))
}

/** SQLite's result code of an error it threw, such as `SQLITE_CORRUPT`; or the error in words. */
export function codeOf(error: unknown): string {
  if (error instanceof StratafsError) return error.message
  const code = (error as { code?: unknown }).code
  return typeof code === 'string' ? code : String(error)
}
