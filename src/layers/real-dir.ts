/**
 * A directory as it lies in one layer, and the bounded set of descriptors through which layers are reached. Everything
 * in a layer is named as (descriptor of its directory, name), one component at a time and never through a symbolic
 * link, so nothing can be resolved outside the layer's root or into a mountpoint above it, and paths may be as deep as
 * the filesystem allows. Descriptors are O_PATH, unless the cache is asked for others, and kept for directories in recent
 * use only: a mount with a million directories holds no more of them than one with a thousand. An upper directory that is
 * renamed keeps its object: only `parent` and `name` change.
 */
import { Errno } from '../base/errno.js'
import { O_DIRECTORY, O_NOFOLLOW, O_PATH } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import type { Layer } from './layer.js'

/** What is known of a directory's own whiteout marks; found out once, on the first look inside. */
export type Spelling = 'unknown' | 'plain' | 'marked'

export class RealDir {
  /** Descriptor, or -1; owned by the cache (the layer's root descriptor is owned by the layer). */
  fd = -1
  /** Last use, in the cache's ticks. */
  tick = 0
  /** In the cache's list, between those that were used after and before it. */
  cached = false
  newer: RealDir | null = null
  older: RealDir | null = null
  /** A directory that has been removed: its descriptor is all there is, and stays until `release`. */
  pinned = false
  /** Holds names that begin with `.wh.`: 'marked'. */
  aufs: Spelling = 'unknown'
  /** The directory's own marks have been read. */
  inspected = false
  /** Marked opaque=x: empty files with the xattr `whiteout` are whiteouts. */
  xattrWhiteouts = false

  constructor(
    readonly layer: Layer,
    public parent: RealDir | null,
    public name: string,
  ) {}

  /** The path below the layer's root, '' for the root itself. */
  path(): string {
    const names: string[] = []
    for (let dir: RealDir = this; dir.parent !== null; dir = dir.parent) names.push(dir.name)
    return names.reverse().join('/')
  }
}

/** A list from the directory that was used last to the one not used for longest, so that nothing has to be searched. */
export class DirCache {
  #newest: RealDir | null = null
  #oldest: RealDir | null = null
  #size = 0
  #tick = 1

  /** `readable`: directories are opened for reading, where that can be had, for whoever lists each of them. */
  constructor(
    private capacity: number,
    private readonly readable = false,
  ) {}

  /** Starts a new operation: descriptors handed out from here on stay valid until the next call. */
  beginOperation(): void {
    this.#tick++
  }

  /** A descriptor of `dir`, valid until the end of the operation, or -errno. */
  fd(dir: RealDir): number {
    if (dir.fd >= 0) {
      if (dir.tick !== this.#tick) this.#use(dir)
      return dir.fd
    }
    const parent = dir.parent
    if (parent === null) return dir.layer.rootFd
    const parentFd = this.fd(parent)
    if (parentFd < 0) return parentFd
    let fd = this.#open(parentFd, dir.name)
    if ((fd === -Errno.EMFILE || fd === -Errno.ENFILE) && this.shrink()) fd = this.#open(parentFd, dir.name)
    if (fd >= 0) this.#keep(dir, fd)
    return fd
  }

  /** Closes `dir`'s descriptor: it is gone, or its node is. */
  release(dir: RealDir): void {
    dir.pinned = false
    if (dir.cached) this.#drop(dir)
  }

  /** Opens and keeps `dir` for as long as its node lives: it is about to lose its name. */
  pin(dir: RealDir): void {
    this.fd(dir)
    dir.pinned = true
  }

  close(): void {
    while (this.#oldest !== null) this.#drop(this.#oldest)
  }

  get size(): number {
    return this.#size
  }

  #open(parentFd: number, name: string): number {
    if (this.readable) {
      const fd = native.openat(parentFd, name, O_DIRECTORY | O_NOFOLLOW, 0)
      if (fd >= 0 || fd === -Errno.EMFILE || fd === -Errno.ENFILE) return fd
    }
    return native.openat(parentFd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0)
  }

  #keep(dir: RealDir, fd: number): void {
    if (this.#size >= this.capacity) this.#evict()
    dir.fd = fd
    dir.tick = this.#tick
    this.#link(dir)
  }

  #use(dir: RealDir): void {
    dir.tick = this.#tick
    if (!dir.cached || dir === this.#newest) return
    this.#unlink(dir)
    this.#link(dir)
  }

  #link(dir: RealDir): void {
    dir.cached = true
    dir.older = this.#newest
    if (this.#newest === null) this.#oldest = dir
    else this.#newest.newer = dir
    this.#newest = dir
    this.#size++
  }

  #unlink(dir: RealDir): void {
    const { newer, older } = dir
    if (newer === null) this.#newest = older
    else newer.older = older
    if (older === null) this.#oldest = newer
    else older.newer = newer
    dir.newer = null
    dir.older = null
    dir.cached = false
    this.#size--
  }

  /** Descriptors are scarce here: half of them go, for good; false where none can. */
  shrink(): boolean {
    const before = this.#size
    this.capacity = Math.max(4, before >> 1)
    while (this.#size > this.capacity && this.#evict());
    return this.#size < before
  }

  /** Closes what was not used for longest; false, and the set grows, where all are pinned or in use. */
  #evict(): boolean {
    for (let steps = this.#size; steps > 0; steps--) {
      const dir = this.#oldest!
      if (dir.tick === this.#tick && !dir.pinned) return false
      if (!dir.pinned) {
        this.#drop(dir)
        return true
      }
      // Those pinned are met once in a round, not each time.
      this.#unlink(dir)
      this.#link(dir)
    }
    return false
  }

  #drop(dir: RealDir): void {
    native.close(dir.fd)
    dir.fd = -1
    this.#unlink(dir)
  }
}
