/**
 * A directory as it lies in one layer, and the bounded set of descriptors through which layers are reached. Everything
 * in a layer is named as (descriptor of its directory, name), one component at a time and never through a symbolic
 * link, so nothing can be resolved outside the layer's root or into a mountpoint above it, and paths may be as deep as
 * the filesystem allows. Descriptors are O_PATH and kept for directories in recent use only: a mount with a million
 * directories holds no more of them than one with a thousand. An upper directory that is renamed keeps its object: only
 * `parent` and `name` change.
 */
import { Errno } from '../base/errno.js'
import { O_DIRECTORY, O_NOFOLLOW, O_PATH } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import type { Layer } from './layer.js'

/** What is known of a directory's own whiteout marks; found out once, on the first look inside. */
export type Spelling = 'unknown' | 'plain' | 'marked'

export class RealDir {
  /** O_PATH descriptor, or -1; owned by the cache (the layer's root descriptor is owned by the layer). */
  fd = -1
  /** Last use, in the cache's ticks. */
  tick = 0
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
    if (this.parent === null) return ''
    const above = this.parent.path()
    return above === '' ? this.name : `${above}/${this.name}`
  }
}

export class DirCache {
  #open: RealDir[] = []
  #hand = 0
  #tick = 1

  constructor(private capacity: number) {}

  /** Starts a new operation: descriptors handed out from here on stay valid until the next call. */
  beginOperation(): void {
    this.#tick++
  }

  /** A descriptor of `dir`, valid until the end of the operation, or -errno. */
  fd(dir: RealDir): number {
    dir.tick = this.#tick
    if (dir.fd >= 0) return dir.fd
    const parent = dir.parent
    if (parent === null) return dir.layer.rootFd
    const parentFd = this.fd(parent)
    if (parentFd < 0) return parentFd
    let fd = native.openat(parentFd, dir.name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0)
    if (fd === -Errno.EMFILE && this.#shrink())
      fd = native.openat(parentFd, dir.name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0)
    if (fd >= 0) this.#keep(dir, fd)
    return fd
  }

  /** Closes `dir`'s descriptor: it is gone, or its node is. */
  release(dir: RealDir): void {
    dir.pinned = false
    if (dir.fd < 0 || dir.parent === null) return
    const at = this.#open.indexOf(dir)
    if (at >= 0) this.#drop(at)
  }

  /** Opens and keeps `dir` for as long as its node lives: it is about to lose its name. */
  pin(dir: RealDir): void {
    this.fd(dir)
    dir.pinned = true
  }

  close(): void {
    for (const dir of this.#open) {
      native.close(dir.fd)
      dir.fd = -1
    }
    this.#open = []
  }

  get size(): number {
    return this.#open.length
  }

  #keep(dir: RealDir, fd: number): void {
    if (this.#open.length >= this.capacity) this.#evict()
    dir.fd = fd
    this.#open.push(dir)
  }

  /** Descriptors are scarce here: half of them go, for good; false where none can. */
  #shrink(): boolean {
    const before = this.#open.length
    this.capacity = Math.max(16, before >> 1)
    for (let i = before; i > this.capacity; i--) this.#evictOldest()
    return this.#open.length < before
  }

  /** Second chance: the first one met that was not used for `capacity / 2` operations; or nothing, and the set grows. */
  #evict(): void {
    const enough = this.#tick - (this.capacity >> 1)
    for (let steps = 0; steps < 64; steps++) {
      if (this.#hand >= this.#open.length) this.#hand = 0
      const dir = this.#open[this.#hand]!
      if (!dir.pinned && dir.tick < enough) return this.#drop(this.#hand)
      this.#hand++
    }
    this.#evictOldest()
  }

  #evictOldest(): void {
    let oldest = -1
    for (let i = 0; i < this.#open.length; i++) {
      const dir = this.#open[i]!
      if (dir.pinned || dir.tick === this.#tick) continue
      if (oldest < 0 || dir.tick < this.#open[oldest]!.tick) oldest = i
    }
    if (oldest >= 0) this.#drop(oldest)
  }

  #drop(at: number): void {
    const dir = this.#open[at]!
    native.close(dir.fd)
    dir.fd = -1
    const last = this.#open.pop()!
    if (at < this.#open.length) this.#open[at] = last
  }
}
