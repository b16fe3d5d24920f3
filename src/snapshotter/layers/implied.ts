/**
 * Directories of a layer that its archive did not describe look as they do below. A layer that was unpacked before
 * those below it were known (containerd 2.2, capability `rebase`) learns that when it is committed; until then they
 * are noted beside it.
 */
import { chmodSync, chownSync, existsSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { pathBytes } from '../../base/text.js'

const NOTE = 'implied.json'

/** Notes the paths (latin1, below `fs`) of a snapshot whose directory is `place`. */
export function noteImplied(place: string, paths: readonly string[]): void {
  if (paths.length > 0) writeFileSync(pathBytes(`${place}/${NOTE}`), JSON.stringify(paths))
}

/** Gives what was noted of `place` the attributes that it has in `lowers`, directories of layers, top first. */
export function settleImplied(place: string, lowers: readonly string[]): void {
  const note = pathBytes(`${place}/${NOTE}`)
  if (!existsSync(note)) return
  const paths = JSON.parse(readFileSync(note, 'utf8')) as string[]
  // The deepest first, because what is done in a directory changes its time.
  for (const path of [...paths].sort((a, b) => b.length - a.length)) dressAs(`${place}/fs/${path}`, path, lowers)
  rmSync(note)
}

/** Owner, mode and times of the topmost directory at `path` in `lowers`; where there is none it stays as it is. */
export function dressAs(target: string, path: string, lowers: readonly string[]): void {
  for (const lower of lowers) {
    const below = statSync(pathBytes(`${lower}/${path}`), { throwIfNoEntry: false })
    if (below === undefined) continue
    if (!below.isDirectory()) return
    chownSync(pathBytes(target), below.uid, below.gid)
    chmodSync(pathBytes(target), below.mode & 0o7777)
    utimesSync(pathBytes(target), below.atime, below.mtime)
    return
  }
}
