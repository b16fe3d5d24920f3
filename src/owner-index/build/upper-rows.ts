/**
 * What the upper holds, as rows for people and for comparisons: entries, whiteouts, opaque and renamed directories. The
 * engine never asks them, it looks at the upper itself. While mounted they follow the paths that the engine says it has
 * changed; after an end that was not clean the whole upper is read again.
 */
import { bytesOf, latin1, type MarkStore } from '../../layers/marks.js'
import { AUFS_OPAQUE, AUFS_PREFIX } from '../../layers/whiteouts.js'
import { AT_FDCWD, O_DIRECTORY, O_PATH, S_IFCHR, S_IFDIR, S_IFMT, S_IFREG } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'
import { Sql } from '../database/schema.js'
import { inodeOf } from '../database/stamps.js'
import type { IndexStore } from '../database/store.js'

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
    return this.#below(this.rootFd, '')
  }

  /**
   * Follows changes as the engine tells them, a path with all below it by a slash at its end; the number of rows. The
   * same path is often told many times: once is enough. A name's directory has changed with it: its times and size.
   */
  followAll(told: readonly string[]): number {
    const paths = told.flatMap((path) => [path, path.slice(0, Math.max(0, path.lastIndexOf('/', path.length - 2)))])
    let rows = 0
    for (const path of new Set(paths)) {
      const deep = path.endsWith('/')
      rows += this.#follow(deep ? path.slice(0, -1) : path, deep)
    }
    return rows
  }

  /** Follows a change at `path`; `deep`: all below it may have come or gone too. Returns the number of rows. */
  #follow(path: string, deep: boolean): number {
    const slash = path.lastIndexOf('/')
    const parent = path.slice(0, Math.max(0, slash))
    const name = path.slice(slash + 1)
    if (name === '') return 0
    const fd = native.openBeneath(this.rootFd, parent, O_PATH | O_DIRECTORY, 0)
    if (fd < 0) return this.#gone(path)
    const rows = this.#entry(fd, parent, name, deep)
    native.close(fd)
    return rows
  }

  #gone(path: string): number {
    this.store.statement(Sql.dropUpper).run(bytesOf(path))
    this.store.statement(Sql.dropUpperBelow).run(bytesOf(`${path}/`), bytesOf(`${path}0`))
    return 1
  }

  #entry(fd: number, parent: string, name: string, deep: boolean): number {
    const path = parent === '' ? name : `${parent}/${name}`
    if (native.statat(fd, name) < 0) {
      this.#gone(path)
      if (native.statat(fd, AUFS_PREFIX + name) >= 0) this.#put(fd, parent, name, path, true)
      return 1
    }
    const isDirectory = (native.stat[Stat.MODE]! & S_IFMT) === S_IFDIR
    if (!isDirectory || deep) this.#gone(path)
    this.#put(fd, parent, name, path, this.#isWhiteout(fd, name))
    if (!isDirectory || !deep) return 1
    const inside = native.openBeneath(fd, name, O_PATH | O_DIRECTORY, 0)
    if (inside < 0) return 1
    const rows = this.#below(inside, path)
    native.close(inside)
    return rows + 1
  }

  #below(fd: number, path: string): number {
    const entries = native.readDirectory(fd, '')
    if (typeof entries === 'number') return 0
    let rows = 0
    for (const name of entries.names) {
      if (name === AUFS_OPAQUE) continue
      rows += this.#entry(fd, path, name.startsWith(AUFS_PREFIX) ? name.slice(AUFS_PREFIX.length) : name, true)
    }
    return rows
  }

  #isWhiteout(fd: number, name: string): boolean {
    const { stat } = native
    const type = stat[Stat.MODE]! & S_IFMT
    if (type === S_IFCHR) return stat[Stat.RDEV_MAJOR] === 0 && stat[Stat.RDEV_MINOR] === 0
    const possible = type === S_IFREG && stat[Stat.SIZE] === 0
    return possible && typeof this.marks.get(fd, name, 'whiteout') !== 'number'
  }

  /** Writes the row of what `native.stat` describes. */
  #put(fd: number, parent: string, name: string, path: string, whiteout: boolean): void {
    const { stat } = native
    const mode = whiteout ? 0 : stat[Stat.MODE]!
    const isDirectory = (mode & S_IFMT) === S_IFDIR
    const marks = isDirectory ? this.marks.read(fd, name) : null
    const known = marks === null || typeof marks === 'number' ? null : marks
    const opaque = known?.opaque || (isDirectory && native.statat(fd, `${name}/${AUFS_OPAQUE}`) >= 0)
    if (isDirectory) native.statat(fd, name)
    const redirect = known === null || known.redirect === null || opaque ? null : this.#target(parent, known.redirect)
    this.store.statement(Sql.putUpper).run(
      bytesOf(path),
      bytesOf(parent),
      bytesOf(name),
      whiteout ? 1 : 0,
      opaque ? 1 : 0,
      redirect === null ? null : bytesOf(redirect),
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
  }

  /** Where in the lower tree a redirect leads. */
  #target(parent: string, redirect: string): string {
    if (redirect.startsWith('/')) return redirect.slice(1)
    const above = this.#lowerPath(parent)
    return above === '' ? redirect : `${above}/${redirect}`
  }

  /** Where the lower parts of the directory shown at `path` are. */
  #lowerPath(path: string): string {
    if (path === '') return ''
    const row = this.store.statement(Sql.upperOf).get(bytesOf(path)) as { redirect: Buffer | null } | undefined
    if (row !== undefined && row.redirect !== null) return latin1(row.redirect)
    const slash = path.lastIndexOf('/')
    const above = this.#lowerPath(path.slice(0, Math.max(0, slash)))
    return above === '' ? path.slice(slash + 1) : `${above}/${path.slice(slash + 1)}`
  }
}

/** Reads the upper at `path` into `store`; false when it cannot be opened. */
export function scanUpper(store: IndexStore, marks: MarkStore, path: string): boolean {
  const fd = native.openat(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0)
  if (fd < 0) return false
  new UpperRows(store, fd, marks).scan()
  native.close(fd)
  return true
}
