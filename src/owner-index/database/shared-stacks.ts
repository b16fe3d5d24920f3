/**
 * What is known of a stack of layers, kept once for every mount over it: one file per stack, whole from the moment it
 * is there, because it is put in place by a rename. Nobody writes to it afterwards; a mount begins with a copy. The
 * files are bounded: when one is added, those that nobody has used for the longest time go, until what is left is under
 * the limits.
 */
import { readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs'
import { makeDirectories } from '../../base/make-directories.js'
import { pathBytes } from '../../base/text.js'
import { connect } from './database.js'
import { layersDirectory, sharedDirectory, sharedPath } from './stack-identity.js'

const KEPT_FILES = 64
/** Of single layers, in a directory of their own. */
const KEPT_LAYERS = 2048
const KEPT_BYTES = 2 * 1024 ** 3

let begun = 0

/** What the name of a file that is being built ends in: another one for each build of this process. */
export function temporaryEnding(): string {
  return `building-${process.pid}-${++begun}`
}

/** A name in the shared directory for a file that is being built; null where there can be no such directory. */
export function temporaryShared(identity: string): string | null {
  return temporaryIn(sharedDirectory(), sharedPath(identity))
}

/** A name in `directory`, made where it is missing, for what is to be `path`; null where there can be none. */
export function temporaryIn(directory: string, path: string): string | null {
  try {
    makeDirectories(pathBytes(directory), 0o700)
    return `${path}.${temporaryEnding()}-${Date.now()}`
  } catch {
    return null
  }
}

/** Gives a finished file (`.db`, `.erofs`) its name, and bounds what lies beside it. */
export function putInPlace(temporary: string, path: string): void {
  renameSync(pathBytes(temporary), pathBytes(path))
  const directory = path.slice(0, path.lastIndexOf('/'))
  dropOldest(path, directory, directory === layersDirectory() ? KEPT_LAYERS : KEPT_FILES)
}

/** Puts a finished database, closed and without companions, in place. Of two builders the last one wins. */
export function publish(temporary: string, identity: string): string {
  const path = sharedPath(identity)
  putInPlace(temporary, path)
  return path
}

/** Publishes a copy of a mount's database, without what it says of the mount; false where that cannot be done. */
export function publishCopy(of: ReturnType<typeof connect>, identity: string): boolean {
  const temporary = temporaryShared(identity)
  if (temporary === null) return false
  try {
    of.prepare('VACUUM INTO ?').run(Buffer.from(temporary, 'latin1').toString('utf8'))
    const copy = connect(temporary)
    copy.exec("DELETE FROM upper_entries; DELETE FROM meta WHERE key = 'dirty'")
    copy.close()
    publish(temporary, identity)
    return true
  } catch {
    rmSync(pathBytes(temporary), { force: true })
    return false
  }
}

/** Notes that a shared database has been used. */
export function noteUse(path: string): void {
  try {
    const now = new Date()
    utimesSync(pathBytes(path), now, now)
  } catch {
    // It stays as old as it was.
  }
}

function dropOldest(keep: string, directory: string, most: number): void {
  const files = readdirSync(pathBytes(directory), { encoding: 'latin1' })
    .filter((name) => /\.(db|erofs)/.test(name))
    .flatMap((name) => sized(`${directory}/${name}`))
    .sort((a, b) => b.used - a.used)
  let bytes = 0
  for (const [at, file] of files.entries()) {
    bytes += file.size
    const stale = file.path.includes('.building-') && file.used < Date.now() - 24 * 3600_000
    const tooMuch = at >= most || bytes > KEPT_BYTES
    if (file.path !== keep && (stale || tooMuch)) rmSync(pathBytes(file.path), { force: true })
  }
}

function sized(path: string): { path: string; size: number; used: number }[] {
  try {
    const { size, mtimeMs } = statSync(pathBytes(path))
    return [{ path, size, used: mtimeMs }]
  } catch {
    return []
  }
}
