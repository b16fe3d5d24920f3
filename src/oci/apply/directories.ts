/**
 * The end of an unpacked layer: its directories get the attributes that the archive says, the deepest first, because
 * making what is in them changes their times. A directory that no entry describes, because it is only on the way to
 * others, is made as the layers beneath have it. So passing through it changes nothing.
 */

import { Errno } from '../../base/errno.js'
import type { MarkStore } from '../../layers/marks.js'
import { AUFS_OPAQUE } from '../../layers/whiteouts.js'
import { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { withFd } from '../../syscalls/owned-fd.js'
import type { TarEntry } from '../tar/entry.js'
import { type Attributes, check, setTimes } from './attributes.js'
import type { Below } from './below.js'
import { kernelFault } from './faults.js'
import { parentOf } from './paths.js'
import type { ApplyTree } from './tree.js'

const IMPLIED_MODE = 0o755

export class Directories {
  /**
   * Those in which nothing of the layers beneath shows, since they or one above is opaque; null before that is asked.
   */
  #opaque: Set<string> | null = null

  /** `below`: the layers beneath; null where nobody knows them. */
  constructor(
    private readonly tree: ApplyTree,
    private readonly attributes: Attributes,
    private readonly marks: MarkStore,
    private readonly below: Below | null,
  ) {}

  /** Asked when the layer is whole; found for all at once, since a tree may be deep. */
  #isOpaque(path: string): boolean {
    this.#opaque ??= this.#findOpaque()
    return this.#opaque.has(path)
  }

  #findOpaque(): Set<string> {
    const { directories } = this.tree
    const found = new Set<string>()
    if (directories.get('')?.opaque) found.add('')
    // What is above comes first.
    for (const path of [...directories.keys()].sort())
      if (directories.get(path)!.opaque || found.has(parentOf(path))) found.add(path)
    return found
  }

  /** Completes every directory; the paths of those that no entry describes, the root not counted. */
  complete(): string[] {
    const implied: string[] = []
    const paths = [...this.tree.directories.keys()].sort().reverse()
    if (!this.tree.directories.has('')) paths.push('')
    for (const path of paths) if (!this.#completeDirectory(path) && path !== '') implied.push(path)
    return implied.reverse()
  }

  /** True where the archive described it. */
  #completeDirectory(path: string): boolean {
    const record = this.tree.directories.get(path)
    const own = record?.entry ?? null
    const entry = own ?? record?.impliedBy ?? NOWHERE
    const fd = this.tree.directory(path, entry)
    if (record?.opaque) this.#markOpaque(fd, path, entry)
    if (own !== null) this.attributes.finish(fd, '', own, own.mode, -1)
    else if (!this.#takeFromBelow(fd, path, entry)) this.#finishImplied(fd, entry)
    return own !== null
  }

  /** A layer's root has nobody to be looked up by, so there it is said by a name, which is looked for. */
  #markOpaque(fd: number, path: string, entry: TarEntry): void {
    const marked = path === '' ? -Errno.EOPNOTSUPP : this.marks.set(fd, '', 'opaque', 'y')
    if (marked >= 0) return
    if (marked !== -Errno.EOPNOTSUPP && marked !== -Errno.EPERM)
      throw kernelFault(entry.name, 'marking it opaque', marked)
    const file = native.openat(fd, AUFS_OPAQUE, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600)
    check(entry, 'marking it opaque', file)
    native.close(file)
  }

  /** As it shows in the tree beneath, so that passing through a directory does not change it. */
  #takeFromBelow(fd: number, path: string, entry: TarEntry): boolean {
    // The root is nobody's on the way: a layer that does not describe it must not become another on every base.
    if (path === '' || this.below === null || this.#isOpaque(path)) return false
    const below = this.below.open(path)
    if (below === null) return false
    withFd(below, (from) => this.attributes.copy(from, fd, entry))
    return true
  }

  /**
   * Takes back the whiteouts that hide nothing: kernel overlayfs would list them where only this layer has the
   * directory.
   */
  dropIdleWhiteouts(): void {
    // In order, so that directories are gone through one after the other.
    for (const path of [...this.tree.whiteouts].sort()) {
      const parent = parentOf(path)
      const hides = !this.#isOpaque(parent) && (this.below === null || this.below.shows(path))
      if (!hides) this.tree.dropWhiteout(path)
    }
  }

  #finishImplied(fd: number, entry: TarEntry): void {
    this.attributes.giveToRoot(fd, entry)
    check(entry, 'setting a mode', native.chmodat(fd, '', IMPLIED_MODE))
    check(entry, 'setting times', setTimes(fd, '', entry))
  }
}

/** Stands for the archive where no entry can be named. */
const NOWHERE = { name: '.', mtime: 0, mtimeNs: 0, atime: 0, atimeNs: 0 } as TarEntry
