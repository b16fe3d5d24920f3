/**
 * The workdir. Whatever will appear in the upper is built here first, then moved in by one rename. Whatever leaves the
 * upper goes here before it is taken apart. A crash leaves rubbish here and nowhere else, and the next mount sweeps it.
 * The layout is kernel overlayfs's: `work/` for what is being built (`work/incompat/volatile` while a volatile mount
 * has not been ended cleanly), `index/` for copied-up hard links.
 */

import { Errno } from '../base/errno.js'
import { errnoWords } from '../base/errno-words.js'
import { StratafsError } from '../base/failure.js'
import {
  AT_REMOVEDIR,
  DT_DIR,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDWR,
  O_TMPFILE,
  S_PERMISSIONS,
} from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { withFd } from '../syscalls/owned-fd.js'
import { Stat } from '../syscalls/stat.js'
import { type Layer, LayerDir } from './layer-dir.js'
import { SharedWhiteout } from './shared-whiteout.js'

const OWNER_MAY_ALL = 0o700
/** Where uppers that were frozen lie (union/snapshot). */
export const SNAPSHOTS = 'snapshots'

export class Workdir {
  #counter = 0
  /** What whiteouts in the upper are links of. */
  readonly whiteout: SharedWhiteout
  /** `index/`, or null where the lower filesystems hand out no file handles. */
  index: LayerDir | null = null
  /** Inode and time of change of `work/` as it was found: who used it since, whatever program it was, moved them. */
  stamp: readonly number[] = []

  private constructor(
    readonly baseFd: number,
    readonly fd: number,
    private layer: Layer,
  ) {
    this.whiteout = new SharedWhiteout(fd, () => this.temporary())
  }

  /** Opens `work/`, swept; refuses a workdir that a volatile mount left behind, unless that one is `resumed`. */
  static open(layer: Layer, baseFd: number, path: string, volatile: boolean, resumed = false): Workdir | StratafsError {
    const fd = openOrMake(baseFd, 'work')
    const stamp = fd < 0 ? [] : stampOf(fd)
    if (fd < 0)
      return new StratafsError(
        `workdir ${path} cannot be used: ${errnoWords(fd)}`,
        'MOUNT_REFUSED',
        'name a writable directory',
      )
    if (!resumed && native.statat(fd, 'incompat') >= 0) {
      native.close(fd)
      return volatileLeft(path)
    }
    sweep(fd, resumed ? FILLED : null)
    for (const acl of ['system.posix_acl_default', 'system.posix_acl_access']) native.removexattr(fd, '', acl)
    const work = new Workdir(baseFd, fd, layer)
    work.stamp = stamp
    if (volatile) work.#markVolatile()
    return work
  }

  /** A name in `work/` that nothing has. */
  temporary(): string {
    return `#${(++this.#counter).toString(16)}`
  }

  /** A new regular file in `work/`, open for reading and writing; without a name where `name` is ''. */
  createFile(name: string): number {
    if (name === '') return native.openat(this.fd, '.', O_TMPFILE | O_RDWR, 0o600)
    return native.openat(this.fd, name, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW, 0o600)
  }

  /**
   * Removes what stands at `name` in `work/`, a directory with all that is in it. A file without a name goes with its
   * descriptor.
   */
  discard(name: string): void {
    if (name === '') return
    const errno = native.unlinkat(this.fd, name, 0)
    if (errno !== -Errno.EISDIR && errno !== -Errno.EPERM) return
    removeTree(this.fd, name)
  }

  /** Opens or makes `index/`; without it, hard-link groups do not outlive a remount. */
  openIndex(): boolean {
    const fd = openOrMake(this.baseFd, 'index')
    if (fd < 0) return false
    this.index = new LayerDir(this.layer, this.layer.root, 'index')
    this.index.fd = fd
    this.index.pinned = true
    return true
  }

  /** From now on it belongs to another upper: what is new there are links of one that the last one has not. */
  serve(layer: Layer): void {
    this.layer = layer
    this.whiteout.close()
    if (this.index === null) return
    const { fd } = this.index
    this.index = new LayerDir(layer, layer.root, 'index')
    this.index.fd = fd
    this.index.pinned = true
  }

  /** Does without `index/`. */
  closeIndex(): void {
    if (this.index !== null) native.close(this.index.fd)
    this.index = null
  }

  /** The clean end of a volatile mount: what it wrote has been synced. */
  clearVolatile(): void {
    removeTree(this.fd, 'incompat')
  }

  close(): void {
    this.whiteout.close()
    this.closeIndex()
    native.close(this.fd)
    native.close(this.baseFd)
  }

  #markVolatile(): void {
    native.mkdirat(this.fd, 'incompat', 0o700)
    native.mkdirat(this.fd, 'incompat/volatile', 0o700)
  }
}

/** The inode of the directory `fd` and when it was last changed. */
export function stampOf(fd: number): number[] {
  if (native.statat(fd, '') < 0) return []
  const { stat } = native
  return [stat[Stat.INO_LOW]!, stat[Stat.CTIME]!, stat[Stat.CTIME_NS]!]
}

function volatileLeft(path: string): StratafsError {
  return new StratafsError(
    `workdir ${path} was last used by a volatile mount that did not end cleanly, so the upper directory may be ` +
      'incomplete',
    'MOUNT_REFUSED',
    `start with a new upper directory, or, if you accept that, remove ${path}/work/incompat and mount again`,
  )
}

function openOrMake(baseFd: number, name: string): number {
  const made = native.mkdirat(baseFd, name, 0o700)
  if (made < 0 && made !== -Errno.EEXIST) return made
  const fd = native.openat(baseFd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0)
  if (made >= 0 || fd < 0 || native.statat(fd, '') < 0) return fd
  // Kernel overlayfs leaves it with mode 000, which shuts out its owner where that is an ordinary user.
  const mode = native.stat[Stat.MODE]! & S_PERMISSIONS
  if ((mode & OWNER_MAY_ALL) !== OWNER_MAY_ALL) native.chmodat(fd, '', mode | OWNER_MAY_ALL)
  return fd
}

/** Names of files that are written to while they are copied up (union/copy-up/kept-fill.ts): who follows goes on. */
export const FILLED = 'fill-'

/** Empties the directory `fd`, as far as that is permitted; names that begin with `but` stay. */
function sweep(fd: number, but: string | null = null): void {
  const entries = native.readDirectory(fd, '')
  if (typeof entries === 'number') return
  entries.names.forEach((name, i) => {
    if (but !== null && name.startsWith(but)) return
    if (entries.types[i] === DT_DIR) removeTree(fd, name)
    else if (native.unlinkat(fd, name, 0) === -Errno.EISDIR) removeTree(fd, name)
  })
}

/** Removes the directory `name` in `fd` with everything in it. */
export function removeTree(fd: number, name: string): number {
  const opened = native.openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0)
  if (opened < 0) return opened
  withFd(opened, (dir) => sweep(dir))
  return native.unlinkat(fd, name, AT_REMOVEDIR)
}
