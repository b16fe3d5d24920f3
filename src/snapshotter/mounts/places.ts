/**
 * Where things lie below the root: `snapshots/ID/fs` is the layer, `work` its workdir, `merged` where it is mounted.
 * Paths are latin1.
 */
import { chmodSync, realpathSync } from 'node:fs'
import { errorWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { makeNewDirectory } from '../../base/make-directories.js'
import { pathBytes, shown } from '../../base/text.js'
import { dressAs } from '../layers/implied.js'
import type { Spares } from './spares.js'

export class Places {
  private constructor(readonly root: string) {}

  /** The root `path`, made where it is missing. Throws StratafsError. */
  static at(path: string): Places {
    makeNewDirectory(path)
    const places = new Places(realpathSync.native(pathBytes(path), { encoding: 'buffer' }).toString('latin1'))
    // Such a path could not stand in the options of a mount.
    if (/[:,=\\\s]/.test(places.root))
      throw new StratafsError(
        `--root ${shown(places.root)} has a blank or one of : , = \\`,
        'INVALID_ARGUMENT',
        'name a directory without them',
      )
    // Images hold setuid programs: nobody but root comes as far as to them.
    chmodSync(pathBytes(places.root), 0o700)
    for (const name of ['snapshots', 'empty', 'tmp']) makeNewDirectory(`${places.root}/${name}`)
    return places
  }

  get database(): string {
    return `${this.root}/snapshots.db`
  }

  get snapshots(): string {
    return `${this.root}/snapshots`
  }

  /** A layer of nothing, below what has no parent and is mounted all the same. */
  get empty(): string {
    return `${this.root}/empty`
  }

  get temporary(): string {
    return `${this.root}/tmp`
  }

  of(id: number): string {
    return `${this.snapshots}/${id}`
  }

  fs(id: number): string {
    return `${this.of(id)}/fs`
  }

  work(id: number): string {
    return `${this.of(id)}/work`
  }

  merged(id: number): string {
    return `${this.of(id)}/merged`
  }

  /** The snapshot that `path` belongs to, and which of its places it is; null: it is none of ours. */
  parse(path: string): { readonly id: number; readonly place: string } | null {
    if (!path.startsWith(`${this.snapshots}/`)) return null
    const found = /^(\d+)\/(fs|work|merged)$/.exec(path.slice(this.snapshots.length + 1))
    return found === null ? null : { id: Number(found[1]), place: found[2]! }
  }

  /** Makes the directories of a snapshot. Its root looks as that of `parent` does, where there is one. */
  make(id: number, parent: number | null, spares: Spares): void {
    try {
      spares.make(this.of(id))
      if (parent !== null) dressAs(this.fs(id), '', [this.fs(parent)])
    } catch (error) {
      throw new StratafsError(`${shown(this.of(id))} cannot be made: ${errorWords(error)}`)
    }
  }
}
