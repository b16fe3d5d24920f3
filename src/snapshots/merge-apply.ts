/**
 * Carrying out the plan of a merge (merge-plan.ts): what the layer above lacks is renamed into it. Done again after a
 * crash it goes on where it ended. Until its end the layer that goes is still there, below; but marks may lead astray
 * meanwhile, so nobody is served from the two before it is through, or undone.
 */
import { Errno } from '../base/errno.js'
import { encodeOrigin, indexName } from '../layers/file-handle.js'
import { O_DIRECTORY, O_PATH, RENAME_NOREPLACE, S_PERMISSIONS } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { OwnedFd } from '../syscalls/owned-fd.js'
import { Stat } from '../syscalls/stat.js'
import type { MergePlan } from './merge-plan.js'

/** Directories of one layer by path, the one that was used last kept open. */
class Places {
  #path = ''
  #last: OwnedFd | null = null

  constructor(private readonly root: number) {}

  dir(path: string): number {
    if (path === '') return this.root
    if (this.#last !== null && this.#path === path) return this.#last.fd
    this.close()
    const opened = OwnedFd.from(native.openBeneath(this.root, path, O_PATH | O_DIRECTORY, 0))
    if (typeof opened === 'number') return opened
    this.#last = opened
    this.#path = path
    return opened.fd
  }

  /** The directory of what stands at `path`. */
  above(path: string): number {
    return this.dir(path.slice(0, Math.max(0, path.lastIndexOf('/'))))
  }

  close(): void {
    this.#last?.close()
    this.#last = null
  }
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** The roots of both layers, and the workdir's `index/`, or -1. */
export interface MergeRoots {
  readonly lower: number
  readonly upper: number
  readonly index: number
}

class Application {
  readonly lower: Places
  readonly upper: Places
  readonly #uuid: Uint8Array | number

  constructor(
    private readonly plan: MergePlan,
    private readonly roots: MergeRoots,
  ) {
    this.lower = new Places(roots.lower)
    this.upper = new Places(roots.upper)
    this.#uuid = native.filesystemUuid(roots.upper)
  }

  /** 0, or -errno with all of it undone. */
  run(): number {
    const { marks, moves, swaps, times, drops } = this.plan
    let errno = each(swaps, ({ from, to }) => this.#dress(from, to[0]!))
    if (errno >= 0) errno = each(marks, ({ path, name, value }) => this.#mark(path, name, value))
    if (errno >= 0) errno = each(moves, ([from, to]) => this.#move(from, to))
    if (errno < 0) this.#undo()
    if (errno < 0) return errno
    errno = each(swaps, ({ from, to }) => this.#swap(from, to))
    if (errno >= 0) errno = each(times, (step) => this.#setTimes(step.path, step.times))
    if (errno >= 0) errno = each(drops, (path) => this.#drop(path))
    return errno
  }

  close(): void {
    this.lower.close()
    this.upper.close()
  }

  #drop(path: string): number {
    const fd = this.lower.above(path)
    const errno = fd < 0 ? fd : native.unlinkat(fd, nameOf(path), 0)
    return errno === -Errno.ENOENT ? 0 : errno
  }

  #mark(path: string, name: string, value: string | null): number {
    const fd = this.upper.above(path)
    if (fd < 0) return fd
    const errno =
      value === null
        ? native.removexattr(fd, nameOf(path), name)
        : native.setxattr(fd, nameOf(path), name, Buffer.from(value, 'base64'), 0)
    if (errno === -Errno.ENODATA) return 0
    // Some users' marks cannot stand on a symbolic link: its number was lost before.
    const isNumber = name.endsWith('stratafs.ino')
    return isNumber && (errno === -Errno.EPERM || errno === -Errno.EOPNOTSUPP) ? 0 : errno
  }

  #move(from: string, to: string): number {
    const above = this.upper.above(to)
    if (above < 0) return above
    const below = this.lower.above(from)
    const errno = below < 0 ? below : native.renameat(below, nameOf(from), above, nameOf(to), RENAME_NOREPLACE)
    // Done before.
    return errno === -Errno.ENOENT && native.statat(above, nameOf(to)) >= 0 ? 0 : errno
  }

  /** Backwards; what was not done yet is passed over. */
  #undo(): void {
    for (const [from, to] of [...this.plan.moves].reverse()) {
      const below = this.lower.above(from)
      if (native.statat(below, nameOf(from)) >= 0) continue
      native.renameat(this.upper.above(to), nameOf(to), below, nameOf(from), RENAME_NOREPLACE)
    }
    for (const { path, name, before } of [...this.plan.marks].reverse()) this.#mark(path, name, before)
    for (const { path, times } of this.plan.times) this.#setTimes(path, times)
  }

  #setTimes(path: string, times: readonly number[]): number {
    const [atime = 0, atimeNs = 0, mtime = 0, mtimeNs = 0] = times
    const fd = this.upper.dir(path)
    return fd < 0 ? fd : native.utimensat(fd, '', atime, atimeNs, mtime, mtimeNs)
  }

  /** The content's inode gets all that the metacopy has. Until it takes that one's place nobody sees it. */
  #dress(from: string, to: string): number {
    const content = this.lower.above(from)
    if (content < 0 || native.statat(content, nameOf(from)) < 0) return 0
    const above = this.upper.above(to)
    let errno = above < 0 ? above : native.statat(above, nameOf(to))
    if (errno < 0) return errno
    const stat = native.stat.slice()
    const name = nameOf(from)
    errno = native.chownat(content, name, stat[Stat.UID]!, stat[Stat.GID]!)
    if (errno >= 0) errno = this.#copyAttributes(above, nameOf(to), content, name)
    if (errno >= 0) errno = native.chmodat(content, name, stat[Stat.MODE]! & S_PERMISSIONS)
    const times = [stat[Stat.ATIME]!, stat[Stat.ATIME_NS]!, stat[Stat.MTIME]!, stat[Stat.MTIME_NS]!] as const
    return errno < 0 ? errno : native.utimensat(content, name, ...times)
  }

  #copyAttributes(from: number, fromName: string, to: number, toName: string): number {
    const own = ['metacopy', 'redirect', 'origin'].map((mark) => this.plan.prefix + mark)
    const wanted = native.listxattr(from, fromName)
    const had = native.listxattr(to, toName)
    if (typeof wanted === 'number') return wanted
    if (typeof had === 'number') return had
    for (const name of had)
      if (!wanted.includes(name) && name !== `${this.plan.prefix}origin`) native.removexattr(to, toName, name)
    return each(wanted, (name) => {
      if (own.includes(name)) return 0
      const value = native.getxattr(from, fromName, name)
      return typeof value === 'number' ? value : native.setxattr(to, toName, name, value, 0)
    })
  }

  /** A hard-link group that was written to since is found by the inode that it was copied from: that is another now. */
  #reindex(below: number, name: string, first: string): void {
    const { index } = this.roots
    const before = this.#originOf(this.upper.above(first), nameOf(first))
    const after = this.#originOf(below, name)
    if (index < 0 || before === null || after === null) return
    if (native.renameat(index, indexName(before), index, indexName(after), RENAME_NOREPLACE) < 0) return
    native.setxattr(index, indexName(after), `${this.plan.prefix}origin`, after, 0)
  }

  #originOf(fd: number, name: string): Uint8Array | null {
    const handle = native.nameToHandle(fd, name)
    if (typeof handle === 'number' || typeof this.#uuid === 'number') return null
    return encodeOrigin({ type: handle.type, uuid: this.#uuid, handle: handle.bytes })
  }

  /** It takes all names of the metacopy, its own last: until then it is done again after a crash. */
  #swap(from: string, [first, ...others]: readonly string[]): number {
    const below = this.lower.above(from)
    if (below < 0 || native.statat(below, nameOf(from)) < 0) return 0
    const name = nameOf(from)
    if (others.length > 0) this.#reindex(below, name, first!)
    const errno = each(others, (path) => {
      native.unlinkat(below, SPARE, 0)
      const linked = native.linkat(below, name, below, SPARE)
      return linked < 0 ? linked : native.renameat(below, SPARE, this.upper.above(path), nameOf(path), 0)
    })
    // Where it had that name already, nothing was renamed.
    native.unlinkat(below, SPARE, 0)
    return errno < 0 ? errno : native.renameat(below, name, this.upper.above(first!), nameOf(first!), 0)
  }
}

/** No layer has such a name (merge-side.ts). */
const SPARE = '.wh.merging'

function each<T>(steps: readonly T[], act: (step: T) => number): number {
  for (const step of steps) {
    const errno = act(step)
    if (errno < 0) return errno
  }
  return 0
}

/** Makes one of the two layers, but for what stays behind; 0, or -errno with nothing changed. */
export function applyMerge(plan: MergePlan, roots: MergeRoots): number {
  const application = new Application(plan, roots)
  try {
    return application.run()
  } finally {
    application.close()
  }
}
