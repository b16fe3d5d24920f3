/**
 * How a layer says that a name below it is hidden. Every spelling is read at all times. One is a character device 0:0,
 * one an empty file with the mark `whiteout` in a directory marked opaque=x. The third is AUFS's and OCI's `.wh.NAME`,
 * with `.wh..wh..opq` for an opaque directory. A device is written; where mknod is refused, `.wh.NAME`; where that name
 * is refused too, as inside another union, an empty file with the mark. In the `.wh.` spelling an entry NAME beside its
 * `.wh.NAME` is shown: the whiteout then only hides what lies below. So the two can be written in either order, and
 * nothing wrong shows in between.
 */
import { Errno } from '../base/errno.js'
import {
  DT_CHR,
  DT_REG,
  DT_UNKNOWN,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_WRONLY,
  S_IFMT,
  S_IFREG,
} from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { isWhiteoutDevice, Stat } from '../syscalls/stat.js'
import type { LayerDir } from './layer-dir.js'
import type { MarkStore } from './marks.js'
import type { DirCache } from './real-dir.js'
import type { SharedWhiteout } from './shared-whiteout.js'

export const AUFS_PREFIX = '.wh.'
export const AUFS_OPAQUE = '.wh..wh..opq'

/**
 * How whiteouts are written: `device`: a character device 0:0; `aufs`: `.wh.NAME`; `xattr`: an empty file with the
 * mark.
 */
export type WrittenAs = 'device' | 'aufs' | 'xattr'

/** Makes `.wh.NAME` in the directory `fd`; 0 or -errno. */
export function makeAufsWhiteout(fd: number, name: string): number {
  const file = native.openat(fd, AUFS_PREFIX + name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600)
  return file < 0 ? file : native.close(file)
}

export class Whiteouts {
  /** Decided when the upper is probed. */
  writtenAs: WrittenAs = 'device'
  /** What writes devices and marked files; null where there is no upper. */
  shared: SharedWhiteout | null = null

  constructor(
    private readonly cache: DirCache,
    private readonly marks: MarkStore,
  ) {}

  /** Whether (fd, name), which `native.stat` describes, is a whiteout. `dir` is the directory it lies in. */
  isWhiteout(dir: LayerDir, fd: number, name: string): boolean {
    const stat = native.stat
    const type = stat[Stat.MODE]! & S_IFMT
    if (isWhiteoutDevice(stat)) return true
    if (!dir.xattrWhiteouts || type !== S_IFREG || stat[Stat.SIZE] !== 0) return false
    return typeof this.marks.get(fd, name, 'whiteout') !== 'number'
  }

  /** Whether `dir` holds `.wh.NAME`. Costs nothing in a directory without any such name. */
  hasAufsWhiteout(dir: LayerDir, fd: number, name: string): boolean {
    return this.#speaksAufs(dir, fd) && native.statat(fd, AUFS_PREFIX + name) >= 0
  }

  /** Whether `dir` is made opaque by `.wh..wh..opq`. */
  isAufsOpaque(dir: LayerDir, fd: number): boolean {
    return this.#speaksAufs(dir, fd) && native.statat(fd, AUFS_OPAQUE) >= 0
  }

  #speaksAufs(dir: LayerDir, fd: number): boolean {
    if (dir.aufs === 'unknown') dir.aufs = native.hasPrefix(fd, '', AUFS_PREFIX) > 0 ? 'marked' : 'plain'
    return dir.aufs === 'marked'
  }

  /**
   * Splits a directory's own entries into what it shows and what it hides below. Calls `show(name, type)` and
   * `hide(name)`; returns 1 when `.wh..wh..opq` makes it opaque, 0 when not, -errno.
   */
  list(dir: LayerDir, show: (name: string, type: number) => void, hide: (name: string) => void): number {
    const fd = this.cache.fd(dir)
    if (fd < 0) return fd
    const entries = native.readDirectory(fd, '')
    if (typeof entries === 'number') return entries
    let opaque = 0
    entries.names.forEach((name, i) => {
      if (name.startsWith(AUFS_PREFIX)) {
        if (name === AUFS_OPAQUE) opaque = 1
        else hide(name.slice(AUFS_PREFIX.length))
      } else if (this.#isHidden(dir, fd, name, entries.types[i]!)) hide(name)
      else show(name, entries.types[i]!)
    })
    return opaque
  }

  #isHidden(dir: LayerDir, fd: number, name: string, type: number): boolean {
    const possible = type === DT_CHR || type === DT_UNKNOWN || (type === DT_REG && dir.xattrWhiteouts)
    return possible && native.statat(fd, name) >= 0 && this.isWhiteout(dir, fd, name)
  }

  /** Hides `name` in `dir`, where nothing of that name stands. One act on disk. */
  make(dir: LayerDir, name: string): number {
    const fd = this.cache.fd(dir)
    if (fd < 0) return fd
    if (this.writtenAs !== 'aufs') {
      const ready = this.prepare(dir)
      return ready < 0 ? ready : (this.shared?.place(fd, name) ?? -Errno.EROFS)
    }
    const errno = makeAufsWhiteout(fd, name)
    if (errno < 0) return errno === -Errno.EEXIST ? 0 : errno
    dir.aufs = 'marked'
    return errno
  }

  get writeAufs(): boolean {
    return this.writtenAs === 'aufs'
  }

  /** Before a whiteout comes into `dir`: marked files count in a directory marked opaque=x only. 0 or -errno. */
  prepare(dir: LayerDir): number {
    if (this.writtenAs !== 'xattr' || dir.xattrWhiteouts) return 0
    const fd = this.cache.fd(dir)
    const errno = fd < 0 ? fd : this.marks.set(fd, '', 'opaque', 'x')
    if (errno < 0) return errno
    dir.inspected = true
    dir.xattrWhiteouts = true
    return 0
  }

  /**
   * Before `dir` is marked opaque, which ends opaque=x: removes the marked files, which would be shown; 0 or -errno.
   */
  removeMarked(dir: LayerDir): number {
    if (!dir.xattrWhiteouts) return 0
    const hidden: string[] = []
    const listed = this.list(
      dir,
      () => {},
      (name) => hidden.push(name),
    )
    if (listed < 0) return listed
    for (const name of hidden) {
      const errno = this.remove(dir, name)
      if (errno < 0) return errno
    }
    return 0
  }

  /** Takes back what hides `name` in `dir`, in whichever spelling. */
  remove(dir: LayerDir, name: string): number {
    const fd = this.cache.fd(dir)
    if (fd < 0) return fd
    if (dir.aufs !== 'plain') native.unlinkat(fd, AUFS_PREFIX + name, 0)
    if (native.statat(fd, name) < 0 || !this.isWhiteout(dir, fd, name)) return 0
    return native.unlinkat(fd, name, 0)
  }
}
