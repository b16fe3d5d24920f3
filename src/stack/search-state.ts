/**
 * One search while it goes down the layers: what was found, what is still lacking, and under which name or path the
 * next layer is asked. Mirrors struct ovl_lookup_data and ovl_lookup_single() in fs/overlayfs/namei.c.
 */
import { Errno } from '../base/errno.js'
import { LayerDir } from '../layers/layer-dir.js'
import { type Marks, noMarks, USER_MARKS } from '../layers/marks.js'
import { isTrap, NO_TRAPS } from '../layers/traps.js'
import { S_IFDIR, S_IFMT, S_IFREG } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { Stat } from '../syscalls/stat.js'
import { findData } from './data-only.js'
import { Found, type SearchContext } from './found.js'

export class Search {
  readonly found = new Found()
  readonly #lowers: LayerDir[] = []
  done = false
  /** A metacopy was found, and not yet the content it stands for. */
  lacksContent = false
  /** The upper's redirect or metacopy is not to be followed: whatever it leads to is EPERM, as in ovl_lookup(). */
  refused = false
  /** An absolute redirect's components, once there is one: from then on lower layers are searched from their roots. */
  path: string[] | null = null
  /** Where data-only layers would have the content, from their roots; null where the metacopy does not say. */
  #dataPath: string[] | null = null
  /** The layer being looked at is not the lowest of all: a redirect can lead on from it. */
  #below = false
  /** The part looked at last has an absolute redirect, which leads out of any opaque directory above it. */
  #turned = false

  constructor(
    private readonly u: SearchContext,
    public name: string,
    /** Files of the upper carry no marks here: it is pure and not impure. */
    private readonly unmarked: boolean,
  ) {
    this.found.lowers = this.#lowers
  }

  /** Looks for the name in one part of the directory. `more`: further parts follow. */
  visit(dir: LayerDir, more: boolean): void {
    const u = this.u
    this.#below = dir.layer.position + 1 < u.lowers.length || (u.dataLayers ?? []).length > 0
    const fd = u.cache.fd(dir)
    if (fd < 0) return this.#fail(fd)
    const errno = native.statat(fd, this.name)
    if (errno < 0) {
      if (errno !== -Errno.ENOENT && errno !== -Errno.ENOTDIR) return this.#fail(errno)
      readOpaqueX(u, dir, fd)
      this.done = u.whiteouts.hasAufsWhiteout(dir, fd, this.name)
      return
    }
    readOpaqueX(u, dir, fd)
    if (u.whiteouts.isWhiteout(dir, fd, this.name)) this.done = true
    else if ((native.stat[Stat.MODE]! & S_IFMT) === S_IFDIR) this.#directory(dir, fd, more)
    else this.#file(dir, fd)
  }

  /** Follows an absolute redirect into one lower layer. */
  visitPath(root: LayerDir, more: boolean): void {
    const path = this.path!
    let dir = root
    let last = false
    this.#below = root.layer.position + 1 < this.u.lowers.length
    for (let i = 0; i < path.length - 1; i++) {
      const fd = this.u.cache.fd(dir)
      if (fd < 0) return this.#fail(fd)
      this.#turned = false
      const step = this.#step(dir, fd, path, i, more)
      if (step === null) return
      last = step.opaque || (last && !this.#turned)
      dir = step.dir
    }
    this.name = path[path.length - 1]!
    this.#turned = false
    this.visit(dir, more)
    // As ovl_check_redirect(): an opaque directory on the way does not hold what has a way of its own; nor a metacopy.
    if (last && !this.#turned && !this.lacksContent) this.done = true
  }

  /** One directory on the way of a redirect: null ends the search in this layer, or, with `done`, in all. */
  #step(
    dir: LayerDir,
    fd: number,
    path: readonly string[],
    i: number,
    more: boolean,
  ): { dir: LayerDir; opaque: boolean } | null {
    const name = path[i]!
    readOpaqueX(this.u, dir, fd)
    const errno = native.statat(fd, name)
    if (errno < 0 && errno !== -Errno.ENOENT && errno !== -Errno.ENOTDIR) {
      this.#fail(errno)
      return null
    }
    if (errno < 0) {
      this.done = this.u.whiteouts.hasAufsWhiteout(dir, fd, name)
      return null
    }
    if ((native.stat[Stat.MODE]! & S_IFMT) !== S_IFDIR) {
      this.done = true
      return null
    }
    if (isTrap(this.u.traps ?? NO_TRAPS, native.stat)) {
      this.#fail(-Errno.ELOOP)
      return null
    }
    const part = new LayerDir(dir.layer, dir, name)
    const marks = more ? this.#marks(fd, name) : noMarks
    if (this.found.error !== 0) return null
    const opaque = marks.opaque || (more && this.#isAufsOpaque(dir, fd, part, marks))
    if (opaque || marks.redirect === null) return { dir: part, opaque }
    // What is left of the path is at its end, however long a redirect has made what comes before.
    const at = this.path!.length - (path.length - i)
    this.path = joinRedirect(this.path!, at, marks.redirect)
    this.#turned = marks.redirect.startsWith('/')
    return { dir: part, opaque: false }
  }

  #directory(dir: LayerDir, fd: number, more: boolean): void {
    const found = this.found
    if (found.type !== 0 && found.type !== S_IFDIR) {
      this.done = true
      return
    }
    if (!dir.layer.isUpper && isTrap(this.u.traps ?? NO_TRAPS, native.stat)) return this.#fail(-Errno.ELOOP)
    const part = new LayerDir(dir.layer, dir, this.name)
    const isTop = found.type === 0
    if (isTop) this.#top(S_IFDIR)
    if (dir.layer.isUpper) found.upper = part
    else {
      if (this.refused) return this.#fail(-Errno.EPERM)
      this.#lowers.push(part)
    }
    if (!this.#below) return
    const marks = this.#marks(fd, this.name)
    if (isTop) found.marks = marks
    part.inspected = true
    part.xattrWhiteouts = marks.xattrWhiteouts
    if (marks.opaque || (more && this.#isAufsOpaque(dir, fd, part, marks))) this.done = true
    else this.#redirect(dir, marks)
  }

  /**
   * By `.wh..wh..opq` inside, or by `.wh.NAME` beside it, which hides only what lies below under that name: not where a
   * redirect leads. So a directory can be renamed, its whiteout made before, without a moment in which its lower parts
   * are lost.
   */
  #isAufsOpaque(dir: LayerDir, fd: number, part: LayerDir, marks: Marks): boolean {
    const redirected = marks.redirect !== null && this.u.config.redirectDir !== 'nofollow'
    if (!redirected && this.u.whiteouts.hasAufsWhiteout(dir, fd, part.name)) return true
    const inside = this.u.cache.fd(part)
    return inside >= 0 && this.u.whiteouts.isAufsOpaque(part, inside)
  }

  #file(dir: LayerDir, fd: number): void {
    const found = this.found
    const type = native.stat[Stat.MODE]! & S_IFMT
    if (found.type !== 0) return this.#content(dir, fd, type)
    this.#top(type)
    found.inodeDir = dir
    found.inodeName = this.name
    const isPlain = type !== S_IFREG && !dir.layer.isSnapshot
    const marked = dir.layer.isUpper ? !this.unmarked : this.#below && !isPlain
    if (marked) found.marks = this.#marks(fd, this.name)
    this.lacksContent = found.marks.metacopy && type === S_IFREG
    this.done = !(this.lacksContent && this.#below)
    if (this.lacksContent && !this.#readsMetacopy(dir, found.marks)) this.#refuse(dir)
    if (!this.done) this.#leadOn(dir, found.marks)
  }

  /** A file below one that is already found: the content of a metacopy, or hidden. */
  #content(dir: LayerDir, fd: number, type: number): void {
    const found = this.found
    this.done = true
    if (found.type !== S_IFREG || type !== S_IFREG) return
    if (this.refused) return this.#fail(-Errno.EPERM)
    found.contentDir = dir
    found.contentName = this.name
    const marks = this.#below ? this.#marks(fd, this.name) : noMarks
    this.lacksContent = marks.metacopy
    if (!marks.metacopy) return
    this.done = false
    this.#leadOn(dir, marks)
  }

  /** A metacopy that a layer's user can make shows what the reader of the mount can read, not what that user can. */
  #readsMetacopy(dir: LayerDir, marks: Marks): boolean {
    if (this.u.config.redirectDir !== 'nofollow' || this.u.marks.prefix !== USER_MARKS) return true
    return this.#isDataOnly(dir, marks)
  }

  /**
   * Content that a lower metacopy has in a data-only layer needs no permission to follow, as in ovl_lookup() since
   * 6.16.
   */
  #isDataOnly(dir: LayerDir, marks: Marks): boolean {
    return !dir.layer.isUpper && (this.u.dataLayers?.length ?? 0) > 0 && (marks.redirect?.startsWith('/') ?? false)
  }

  /** A mark in `dir` leads somewhere and is not to be followed. */
  #refuse(dir: LayerDir): void {
    if (dir.layer.isUpper) this.refused = true
    else this.#fail(-Errno.EPERM)
  }

  /** A metacopy says where its content is. */
  #leadOn(dir: LayerDir, marks: Marks): void {
    if (marks.digest && this.u.config.verity) return this.#fail(-Errno.EIO)
    if (marks.redirect !== null)
      this.#dataPath = marks.redirect.startsWith('/') ? marks.redirect.slice(1).split('/') : null
    if (this.u.config.redirectDir === 'nofollow' && this.#isDataOnly(dir, marks)) this.done = true
    else this.#redirect(dir, marks)
  }

  /** What no layer of the namespace has. */
  lookInDataOnly(): void {
    const path = this.#dataPath
    if (path === null) return
    const data = findData(this.u, path)
    if (typeof data === 'number') return this.#fail(data)
    if (data === null) return
    this.found.contentDir = data
    this.found.contentName = path[path.length - 1]!
    this.lacksContent = false
  }

  #redirect(dir: LayerDir, marks: Marks): void {
    if (marks.redirect === null) return
    if (this.u.config.redirectDir === 'nofollow') this.#refuse(dir)
    this.found.redirected = true
    this.#turned = marks.redirect.startsWith('/')
    if (this.#turned) this.path = marks.redirect.slice(1).split('/')
    else if (this.path !== null) this.path = [...this.path.slice(0, -1), marks.redirect]
    else this.name = marks.redirect
  }

  /** The marks at (fd, name); without them nothing can be said, so an error ends the search. */
  #marks(fd: number, name: string): Marks {
    const marks = this.u.marks.read(fd, name)
    if (typeof marks !== 'number') return marks
    this.#fail(marks)
    return noMarks
  }

  #top(type: number): void {
    this.found.type = type
    this.u.topStat.set(native.stat)
  }

  #fail(errno: number): void {
    this.found.error = errno
    this.done = true
  }
}

/** What an absolute redirect at component `i` of `path` makes of the path for the layers below. */
export function joinRedirect(path: readonly string[], i: number, redirect: string): string[] {
  const rest = path.slice(i + 1)
  if (redirect.startsWith('/')) return [...redirect.slice(1).split('/'), ...rest]
  return [...path.slice(0, i), redirect, ...rest]
}

/** On the first look into a directory: whether whiteouts in it may be written as xattrs. */
export function readOpaqueX(u: SearchContext, dir: LayerDir, fd: number): void {
  if (dir.inspected) return
  dir.inspected = true
  const value = u.marks.get(fd, '', 'opaque')
  dir.xattrWhiteouts = typeof value !== 'number' && value[0] === 0x78
}
