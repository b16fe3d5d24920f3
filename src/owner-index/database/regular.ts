/**
 * What lies where a database is to be: a FIFO or a device in its place makes whoever opens it wait, for ever perhaps,
 * and a symbolic link leads anywhere. So only regular files are opened, and others are found out without being opened.
 */
import { lstatSync } from 'node:fs'
import { pathBytes } from '../../base/text.js'

/** A database and what SQLite may open beside it. */
export const COMPANIONS = ['', '-wal', '-shm', '-journal']

/** Whether something else than a regular file lies at `path`. */
export function isStrange(path: string): boolean {
  const found = lstatSync(pathBytes(path), { throwIfNoEntry: false })
  return found !== undefined && !found.isFile()
}

/** Whether the database at `path`, or a file beside it that SQLite opens with it, is no regular file. */
export function isStrangeDatabase(path: string): boolean {
  return COMPANIONS.some((companion) => isStrange(path + companion))
}
