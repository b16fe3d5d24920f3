/**
 * mkdir -p. Node's own tries for ever where a directory says ENOENT to each new name, as /proc does; so each part is
 * made here, at most once.
 */
import { mkdirSync, statSync } from 'node:fs'
import { errorWords } from './errno-words.js'
import { StratafsError } from './failure.js'
import { pathBytes, shown } from './text.js'

const isDirectory = (path: Buffer): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

/** Makes `path` (bytes) and what is missing above it. Throws what mkdir(2) failed with, as fs.mkdirSync does. */
export function makeDirectories(path: Buffer, mode = 0o777): void {
  try {
    return void mkdirSync(path, { mode })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && isDirectory(path)) return
    const slash = path.lastIndexOf('/')
    if (code !== 'ENOENT' || slash <= 0) throw error
    makeDirectories(path.subarray(0, slash), mode)
  }
  try {
    mkdirSync(path, { mode })
  } catch (error) {
    // Somebody else was quicker.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** The same of `path` (latin1), for whoever named it. Throws StratafsError. */
export function makeNewDirectory(path: string): void {
  try {
    makeDirectories(pathBytes(path))
  } catch (error) {
    throw new StratafsError(`${shown(path)} cannot be made: ${errorWords(error)}`, 'FAILED', 'name another place')
  }
}
