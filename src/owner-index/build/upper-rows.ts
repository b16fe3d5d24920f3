/**
 * What the upper holds, as rows for people and for comparisons: entries, whiteouts, opaque and renamed directories. The
 * engine never asks them, it looks at the upper itself. While mounted they follow the paths that the engine says it has
 * changed; after an end that was not clean the whole upper is read again.
 */
import { Layer, LayerDir } from '../../layers/layer-dir.js'
import { bytesOf, latin1, type MarkStore } from '../../layers/marks.js'
import { DirCache } from '../../layers/real-dir.js'
import { AUFS_OPAQUE, AUFS_PREFIX } from '../../layers/whiteouts.js'
import { AT_FDCWD, O_DIRECTORY, O_PATH, S_IFDIR, S_IFMT, S_IFREG } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { isWhiteoutDevice, Stat } from '../../syscalls/stat.js'
import { keyOf } from '../database/place.js'
import { Sql } from '../database/schema.js'
import { inodeOf } from '../database/stamps.js'
import type { IndexStore } from '../database/store.js'

/** Directories that are open at a time, as a rule. */
const OPEN = 1024

export class UpperRows {
  constructor(
    private readonly store: IndexStore,
    /** The upper's root. */
    private readonly rootFd: number,
    private readonly marks: MarkStore,
  ) {}

  /** Reads the whole upper anew; the number of rows. */
  scan(): number {
    this.store.statement(Sql.dropAllUpper).run()
    return this.#reading((reading) => reading.all())
  }

  /**
   * Follows changes as the engine tells them, a path with all below it by a slash at its end; the number of rows. The
   * same path is often told many times: once is enough. A name's directory has changed with it: its times and size.
   */
  followAll(told: readonly string[]): number {
    const paths = told.flatMap((path) => [path, path.slice(0, Math.max(0, path.lastIndexOf('/', path.length - 2)))])
    return this.#reading((reading) => {
      let rows = 0
      for (const path of new Set(paths)) {
        const deep = path.endsWith('/')
        rows += reading.follow((deep ? path.slice(0, -1) : path).split('/'), deep)
      }
      return rows
    })
  }

  #reading(read: (reading: UpperReading) => number): number {
    const cache = new DirCache(OPEN)
    try {
      return read(new UpperReading(this.store, this.rootFd, this.marks, cache))
    } finally {
      cache.close()
    }
  }
}

/** A directory of the upper that was come to. */
interface Reached {
  readonly dir: LayerDir
  /** Of its row; 0 for the root. */
  readonly id: number
  /** Those in it that were come to. */
  readonly inside: Map<string, Reached>
}

/** The upper as it is at one moment: what was opened on the way to one path serves the next. */
class UpperReading {
  readonly #root: Reached
  readonly #waiting: Reached[] = []

  constructor(
    private readonly store: IndexStore,
    rootFd: number,
    private readonly marks: MarkStore,
    private readonly cache: DirCache,
  ) {
    this.#root = { dir: new Layer(-1, '', rootFd, true).root, id: 0, inside: new Map() }
  }

  all(): number {
    this.#waiting.push(this.#root)
    return this.#below()
  }

  /**
   * Follows a change at the path of `names`; `deep`: all below it may have come or gone too. Returns the number of
   * rows.
   */
  follow(names: readonly string[], deep: boolean): number {
    const name = names.at(-1)!
    if (name === '') return 0
    const above = this.#reach(names)
    if (above === null) return 1
    return this.#entry(above, name, deep) + this.#below()
  }

  /** The directory in which the last of `names` stands; null where there is none: its own change is told, too. */
  #reach(names: readonly string[]): Reached | null {
    let at = this.#root
    for (const name of names.slice(0, -1)) {
      this.cache.beginOperation()
      const known = at.inside.get(name)
      if (known === undefined) this.#entry(at, name, false)
      const next = known ?? at.inside.get(name)
      if (next === undefined || this.cache.fd(next.dir) < 0) return null
      at = next
    }
    return at
  }

  /** Writes the row of `name`; what is below it waits, where it is `deep`. */
  #entry(above: Reached, name: string, deep: boolean): number {
    this.cache.beginOperation()
    const fd = this.cache.fd(above.dir)
    if (fd < 0) return 0
    if (native.statat(fd, name) < 0) {
      this.#drop(above, name)
      if (native.statat(fd, AUFS_PREFIX + name) >= 0) this.#put(fd, above, name, true)
      return 1
    }
    const isDirectory = (native.stat[Stat.MODE]! & S_IFMT) === S_IFDIR
    if (!isDirectory || deep) this.#drop(above, name)
    const id = this.#put(fd, above, name, this.#isWhiteout(fd, name))
    if (!isDirectory) return 1
    const inside = { dir: new LayerDir(above.dir.layer, above.dir, name), id, inside: new Map() }
    if (deep) this.#waiting.push(inside)
    else if (!above.inside.has(name)) above.inside.set(name, inside)
    return 1
  }

  /** Reads what waits, whatever its depth. */
  #below(): number {
    let rows = 0
    for (let at = this.#waiting.pop(); at !== undefined; at = this.#waiting.pop()) {
      this.cache.beginOperation()
      const fd = this.cache.fd(at.dir)
      const entries = fd < 0 ? fd : native.readDirectory(fd, '')
      if (typeof entries === 'number') continue
      for (const name of entries.names) {
        if (name === AUFS_OPAQUE) continue
        rows += this.#entry(at, name.startsWith(AUFS_PREFIX) ? name.slice(AUFS_PREFIX.length) : name, true)
      }
    }
    return rows
  }

  /** Removes the row of `name` with all below it. */
  #drop(above: Reached, name: string): void {
    above.inside.delete(name)
    const row = this.store.statement(Sql.upperIn).get(above.id, bytesOf(name)) as { id: number } | undefined
    const waiting = row === undefined ? [] : [row.id]
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      for (const [inside] of this.store.statement(Sql.upperBelow).raw().all(id) as [number][]) waiting.push(inside)
      this.store.statement(Sql.dropUpper).run(id)
    }
  }

  #isWhiteout(fd: number, name: string): boolean {
    const { stat } = native
    const type = stat[Stat.MODE]! & S_IFMT
    if (isWhiteoutDevice(stat)) return true
    const possible = type === S_IFREG && stat[Stat.SIZE] === 0
    return possible && typeof this.marks.get(fd, name, 'whiteout') !== 'number'
  }

  /** Writes the row of what `native.stat` describes; its id. */
  #put(fd: number, above: Reached, name: string, whiteout: boolean): number {
    const { stat } = native
    const mode = whiteout ? 0 : stat[Stat.MODE]!
    const isDirectory = (mode & S_IFMT) === S_IFDIR
    const marks = isDirectory ? this.marks.read(fd, name) : null
    const known = marks === null || typeof marks === 'number' ? null : marks
    const opaque = known?.opaque || (isDirectory && native.statat(fd, `${name}/${AUFS_OPAQUE}`) >= 0)
    if (isDirectory) native.statat(fd, name)
    const redirect = known === null || known.redirect === null || opaque ? null : this.#target(above.id, known.redirect)
    const put = this.store
      .statement(Sql.putUpper)
      .raw()
      .get(
        above.id,
        bytesOf(name),
        whiteout ? 1 : 0,
        opaque ? 1 : 0,
        redirect === null ? null : bytesOf(redirect),
        redirect === null ? null : keyOf(redirect),
        mode,
        whiteout ? 0 : stat[Stat.SIZE],
        stat[Stat.UID],
        stat[Stat.GID],
        stat[Stat.MTIME],
        stat[Stat.MTIME_NS],
        inodeOf(stat),
        // Whiteouts are one inode, of whose links none counts.
        whiteout ? 1 : stat[Stat.NLINK],
      )
    return (put as [number])[0]
  }

  /** Where in the lower tree a redirect leads, of a directory in the one of the id `above`. */
  #target(above: number, redirect: string): string {
    if (redirect.startsWith('/')) return redirect.slice(1)
    const names = [redirect]
    for (let id = above; id !== 0; ) {
      const row = this.store.statement(Sql.upperRow).get(id) as UpperRow
      names.push(latin1(row.redirect ?? row.name))
      id = row.redirect === null ? row.parent : 0
    }
    return names.reverse().join('/')
  }
}

interface UpperRow {
  readonly parent: number
  readonly name: Buffer
  readonly redirect: Buffer | null
}

/** Reads the upper at `path` into `store`; false when it cannot be opened. */
export function scanUpper(store: IndexStore, marks: MarkStore, path: string): boolean {
  const fd = native.openat(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0)
  if (fd < 0) return false
  new UpperRows(store, fd, marks).scan()
  native.close(fd)
  return true
}
