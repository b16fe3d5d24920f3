/**
 * The end of an unpacked layer: its directories get what the archive says of them, the deepest first, since making and
 * changing what is in them had to come before their modes and times. A directory that no entry describes, because it is
 * only on the way to others, is made as the layers beneath have it, so that passing through it changes nothing.
 */
import { Errno } from '../base/errno.js'
import type { MarkStore } from '../layers/marks.js'
import { AUFS_OPAQUE } from '../layers/whiteouts.js'
import { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_PATH, O_WRONLY } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { type Attributes, check, setTimes } from './apply-attributes.js'
import { type ApplyTree, kernelFault } from './apply-tree.js'
import type { TarEntry } from './tar-entry.js'

const IMPLIED_MODE = 0o755

export class Directories {
  /** `lowers`: roots of the layers beneath, top first. */
  constructor(
    private readonly tree: ApplyTree,
    private readonly attributes: Attributes,
    private readonly marks: MarkStore,
    private readonly lowers: readonly number[],
  ) {}

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

  /** As the topmost layer beneath has it, so that passing through a directory does not change it. */
  #takeFromBelow(fd: number, path: string, entry: TarEntry): boolean {
    // The root is nobody's on the way: a layer that does not describe it must not become another on every base.
    if (path === '') return false
    for (const lower of this.lowers) {
      const from = native.openBeneath(lower, path, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0)
      if (from === -Errno.ENOENT) continue
      // Hidden or no directory there: what lies deeper is not beneath this layer.
      if (from < 0) return false
      try {
        this.attributes.copy(from, fd, entry)
      } finally {
        native.close(from)
      }
      return true
    }
    return false
  }

  #finishImplied(fd: number, entry: TarEntry): void {
    check(entry, 'setting a mode', native.chmodat(fd, '', IMPLIED_MODE))
    check(entry, 'setting times', setTimes(fd, '', entry))
  }
}

/** Stands for the archive where no entry can be named. */
const NOWHERE = { name: '.', mtime: 0, mtimeNs: 0, atime: 0, atimeNs: 0 } as TarEntry
