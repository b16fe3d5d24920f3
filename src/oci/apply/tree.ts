/**
 * The directory that a layer is unpacked into, as names in it are reached: below the root's descriptor, each component
 * opened as a directory and never through a symbolic link (open.ts). So the kernel itself keeps every entry inside,
 * whatever the archive holds. Directories are made as needed and get their attributes last (TreeDirectory), because
 * what is made in them would change their times and might not be permitted by their modes. Nobody else can reach the
 * tree while it is built: its root is closed to others until the end.
 */

import { Errno } from '../../base/errno.js'
import type { StratafsError } from '../../base/failure.js'
import { makeDevice } from '../../layers/shared-whiteout.js'
import { AUFS_PREFIX, makeAufsWhiteout } from '../../layers/whiteouts.js'
import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY, S_IFDIR, S_IFMT } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { withFd } from '../../syscalls/owned-fd.js'
import { Stat } from '../../syscalls/stat.js'
import { entryFault, type TarEntry } from '../tar/entry.js'
import { kernelFault } from './faults.js'
import { COST, costOf, type Memory, remembered } from './memory.js'
import { OpenDirectories } from './open.js'
import { deepestKnown, joined, nameOf, parentOf, partsBelow, resolveIn } from './paths.js'
import { removeUnpacked } from './remove.js'

/** What is known of a directory that was made. */
interface TreeDirectory {
  /** What the archive says of it; null while only things inside it have come. */
  entry: TarEntry | null
  /** The entry on whose way it was made. */
  readonly impliedBy: TarEntry
  opaque: boolean
  /** Only whiteouts are in it, and nothing describes it: it gives way to whatever has its name. */
  weak: boolean
}

/** For messages where no entry is at work. */
const NOBODY = { name: '' } as TarEntry

export class ApplyTree {
  /** By path below the root; '' is the root. */
  readonly directories = new Map<string, TreeDirectory>()
  /** Paths that the layer hides below. */
  readonly whiteouts = new Set<string>()
  readonly #open: OpenDirectories
  /** The directory that the current entry itself is. */
  #described: string | null = null
  /** Where the kernel refuses 0:0 devices: whiteouts are written as `.wh.NAME`. */
  #spellsAufs = false
  #lastImplied: { readonly of: TarEntry; readonly kept: TarEntry } | null = null

  /** `rootFd`: an empty directory; stays the caller's. */
  constructor(
    private readonly rootFd: number,
    private readonly repeated: 'refuse' | 'replace',
    private readonly memory: Memory,
  ) {
    this.#open = new OpenDirectories(rootFd)
  }

  close(): void {
    this.#open.close()
  }

  /**
   * A descriptor (O_PATH) of the directory `path`, made with its parents where it is missing; valid until the next
   * call.
   */
  directory(path: string, entry: TarEntry): number {
    const fd = this.#reach(path, entry, false)
    for (let at = path; at !== ''; at = parentOf(at)) {
      const directory = this.directories.get(at)!
      // What is above a strong one is strong.
      if (!directory.weak) break
      directory.weak = false
    }
    return fd
  }

  #reach(path: string, entry: TarEntry, weak: boolean): number {
    const kept = this.#open.get(path)
    if (kept !== undefined) return kept
    let at = deepestKnown(path, this.directories)
    let fd = this.#entered(this.#open.reach(at), at, entry)
    for (const name of partsBelow(at, path)) {
      at = joined(at, name)
      this.#make(fd, name, at, entry, weak)
      fd = this.#entered(this.#open.enter(fd, name, at), at, entry)
    }
    return fd
  }

  #entered(fd: number, path: string, entry: TarEntry): number {
    if (fd < 0) throw kernelFault(entry.name, `entering ${path}`, fd)
    return fd
  }

  /** Makes the directory that `entry` is, or lies in. A whiteout of the same name means that it hides those below. */
  #make(parentFd: number, name: string, path: string, entry: TarEntry, weak: boolean): void {
    const opaque = this.whiteouts.has(path)
    let made = native.mkdirat(parentFd, name, 0o700)
    if (made === -Errno.EEXIST && this.#clearWhiteout(parentFd, name, path))
      made = native.mkdirat(parentFd, name, 0o700)
    // The entry itself, where a file or a link had the name before it.
    if (made === -Errno.EEXIST && this.#described === path && this.#giveWay(parentFd, name, path))
      made = native.mkdirat(parentFd, name, 0o700)
    if (made < 0) throw this.#unmade(parentFd, name, path, entry, made)
    this.memory.take(COST + path.length, entry.name)
    const impliedBy = this.#described === path ? NOBODY : this.#impliedBy(entry)
    this.directories.set(path, { entry: null, impliedBy, opaque, weak })
  }

  /** One entry may stand for thousands of directories: they share what is kept of it. */
  #impliedBy(entry: TarEntry): TarEntry {
    if (this.#lastImplied?.of !== entry) {
      this.#lastImplied = { of: entry, kept: { ...entry, linkname: '', extents: null, xattrs: null, acls: null } }
      this.memory.take(COST + entry.name.length, entry.name)
    }
    return this.#lastImplied.kept
  }

  /** The directory `path` is what `entry` says. A file or a link of its name gives way where the last one counts. */
  describe(path: string, entry: TarEntry): void {
    this.#described = path
    const record = this.directoryRecord(path, entry)
    this.#described = null
    if (record.entry !== null) this.memory.giveBack(costOf(record.entry))
    this.memory.take(costOf(entry), entry.name)
    record.entry = remembered(entry)
  }

  /**
   * `path` as it lies in the layer: its links are followed as openat2's RESOLVE_IN_ROOT would, from the layer's root
   * and never above it. What is not there yet will be a directory.
   */
  resolve(path: string, entry: TarEntry): string {
    if (path === '' || this.directories.has(path)) return path
    const found = resolveIn(path, this.directories, (at, name) => {
      const target = native.readlinkat(this.#reach(at, NOBODY, true), name)
      return typeof target === 'string' ? target : null
    })
    if (found === null) throw entryFault(entry.name, 'it goes through more symbolic links than Linux follows')
    return found
  }

  /** The record of the directory `path`, made where it is missing. */
  directoryRecord(path: string, entry: TarEntry): TreeDirectory {
    this.directory(path, entry)
    const known = this.directories.get(path)
    if (known !== undefined) return known
    const root: TreeDirectory = { entry: null, impliedBy: this.#impliedBy(entry), opaque: false, weak: false }
    this.directories.set('', root)
    return root
  }

  /**
   * Runs `make`, which creates the file `name` and answers EEXIST where there is one. A whiteout gives way: that a name
   * is hidden below and stands here is one thing, in either order. Returns what `make` did.
   */
  create(parentFd: number, name: string, path: string, entry: TarEntry, make: () => number): number {
    let result = make()
    if (result === -Errno.EEXIST && this.#giveWay(parentFd, name, path)) result = make()
    if (result >= 0) return result
    throw this.#unmade(parentFd, name, path, entry, result)
  }

  #giveWay(parentFd: number, name: string, path: string): boolean {
    if (this.#clearWhiteout(parentFd, name, path) || this.#clearWeak(parentFd, name, path)) return true
    if (this.repeated === 'refuse') return false
    return this.directories.has(path) ? this.#clear(parentFd, name, path) : native.unlinkat(parentFd, name, 0) >= 0
  }

  #clearWhiteout(parentFd: number, name: string, path: string): boolean {
    return this.#forgetWhiteout(path) && native.unlinkat(parentFd, name, 0) >= 0
  }

  #forgetWhiteout(path: string): boolean {
    if (!this.whiteouts.delete(path)) return false
    this.memory.giveBack(COST + path.length)
    return true
  }

  /** Takes away a directory that holds nothing but whiteouts: what has its name hides all that they would. */
  #clearWeak(parentFd: number, name: string, path: string): boolean {
    return this.directories.get(path)?.weak === true && this.#clear(parentFd, name, path)
  }

  /**
   * Takes the directory `path` away with all that is in it. The work is that of making it: what is not in it is not
   * looked at.
   */
  #clear(parentFd: number, name: string, path: string): boolean {
    this.#open.release(path)
    for (const ahead = [path]; ahead.length > 0; ) ahead.push(...this.#forget(ahead.pop()!))
    return removeUnpacked(parentFd, name) >= 0
  }

  /** Forgets the directory `path` and the whiteouts in it; the directories in it. */
  #forget(path: string): string[] {
    const { entry } = this.directories.get(path)!
    this.memory.giveBack(COST + path.length + (entry === null ? 0 : costOf(entry)))
    this.directories.delete(path)
    const opened = native.openBeneath(this.rootFd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
    const entries = withFd(opened, (fd) => native.readDirectory(fd, ''))
    const inside: string[] = []
    for (const name of typeof entries === 'number' ? [] : entries.names) {
      const each = joined(path, name)
      if (this.directories.has(each)) inside.push(each)
      else this.#forgetWhiteout(name.startsWith(AUFS_PREFIX) ? joined(path, name.slice(AUFS_PREFIX.length)) : each)
    }
    return inside
  }

  #unmade(parentFd: number, name: string, path: string, entry: TarEntry, errno: number): StratafsError {
    return errno === -Errno.EEXIST
      ? this.#occupied(parentFd, name, path, entry)
      : kernelFault(entry.name, 'making it', errno)
  }

  #occupied(parentFd: number, name: string, path: string, entry: TarEntry): StratafsError {
    native.statat(parentFd, name)
    const isDirectory = (native.stat[Stat.MODE]! & S_IFMT) === S_IFDIR
    const what = isDirectory ? 'a directory' : 'something that is no directory'
    if (joined('', entry.name.replace(/\/+$/, '').replace(/^(\.\/)+/, '')) !== path) {
      return entryFault(entry.name, `the archive holds ${what} where it needs a directory (${path})`)
    }
    return entryFault(entry.name, `the archive holds ${what} of this name already`)
  }

  /**
   * Hides `name`. Where the layer itself has the name, only what lies below is hidden. In something that is no
   * directory here, or hidden itself, there is nothing left to hide: umoci writes such whiteouts where a directory
   * became a file.
   */
  whiteout(parent: string, name: string, entry: TarEntry): void {
    const path = joined(parent, name)
    if (this.whiteouts.has(path) || this.#isCovered(parent, entry)) return
    const fd = this.#reach(parent, entry, true)
    const directory = this.directories.get(path)
    if (directory !== undefined && !this.#clearWeak(fd, name, path)) {
      directory.opaque = true
      return
    }
    const result = this.#makeWhiteout(fd, name)
    if (result >= 0) this.#rememberWhiteout(path, entry)
    else if (result !== -Errno.EEXIST) throw kernelFault(entry.name, 'making the whiteout', result)
  }

  #rememberWhiteout(path: string, entry: TarEntry): void {
    this.memory.take(COST + path.length, entry.name)
    this.whiteouts.add(path)
  }

  /** Takes the whiteout `path` back, which hides nothing. Its directory stays what it is. */
  dropWhiteout(path: string): void {
    const fd = this.#reach(parentOf(path), NOBODY, true)
    const name = nameOf(path)
    if (native.unlinkat(fd, name, 0) < 0) native.unlinkat(fd, AUFS_PREFIX + name, 0)
    this.#forgetWhiteout(path)
  }

  /** Whether something on the way to `path` stands here and is no directory. */
  #isCovered(path: string, entry: TarEntry): boolean {
    const at = deepestKnown(path, this.directories)
    const [part] = partsBelow(at, path)
    if (part === undefined) return false
    return this.whiteouts.has(joined(at, part)) || native.statat(this.#reach(at, entry, true), part) >= 0
  }

  #makeWhiteout(fd: number, name: string): number {
    if (!this.#spellsAufs) {
      const made = makeDevice(fd, name)
      if (made !== -Errno.EPERM) return made
      this.#spellsAufs = true
    }
    return makeAufsWhiteout(fd, name)
  }
}
