/**
 * The mark beside a workdir's database that says: the upper may have changed since its rows were written. It is a
 * file of its own, so that it is on disk before a mount answers, while the thread that opens the database is still
 * to start. A clean end removes it. Whoever finds the mark of another mount reads the upper again.
 */
import { closeSync, constants, fsyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { pathBytes } from '../../base/text.js'
import { COMPANIONS, isStrange } from './regular.js'

const NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

/** The mark of the database at `path`. */
function markPath(path: string): Buffer {
  return pathBytes(`${path}.inuse`)
}

/**
 * Marks the database at `path` as used by `mount`, unless the mark of an earlier mount is still there. `synced`: it
 * is on disk when this returns. Throws errors of the filesystem other than that.
 */
export function markInUse(path: string, mount: string, synced: boolean): void {
  const fd = openNew(markPath(path))
  if (fd < 0) return
  try {
    writeSync(fd, mount)
    if (synced) fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  if (synced) syncDirectory(dirname(path))
}

function openNew(path: Buffer): number {
  try {
    return openSync(path, NEW, 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return -1
    throw error
  }
}

function syncDirectory(path: string): void {
  const fd = openSync(pathBytes(path), constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/**
 * Who marked the database at `path` first since its last clean end; null: nobody. A mark cut short is the empty
 * string.
 */
export function markedBy(path: string): string | null {
  try {
    // Of nobody that is known, and not waited for.
    if (isStrange(`${path}.inuse`)) return ''
    return readFileSync(markPath(path), 'latin1')
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? null : ''
  }
}

/**
 * Removes the mark: the rows of the upper are what the upper is. Throws nothing, for a mark too many costs time
 * only.
 */
export function removeMark(path: string): void {
  try {
    rmSync(markPath(path), { force: true })
  } catch {
    // The next mount reads the upper once more.
  }
}

/** Removes a database with its companions, not its mark. */
export function removeDatabase(path: string): void {
  for (const companion of COMPANIONS) rmSync(pathBytes(path + companion), { force: true })
}
