/**
 * A directory as it lies in one layer, and the bounded cache of descriptors through which layers are reached.
 *
 * Everything in a layer is named as (descriptor of its directory, name), one component at a time, never through a
 * symbolic link. So nothing resolves outside the layer's root or into a mount on top of it, and paths may be of any
 * depth. Descriptors are O_PATH, unless the cache is asked for others. Only those of recently used directories are
 * kept: a mount with a million directories holds no more of them than one with a thousand. An upper directory that is
 * renamed keeps its object: only `parent` and `name` change.
 */
import { Errno } from '../base/errno.js'
import { O_DIRECTORY, O_NOFOLLOW, O_PATH } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { Stat } from '../syscalls/stat.js'
import type { Layer, LayerDir } from './layer-dir.js'

/** So many are kept also where descriptors are scarce: the way down to where a program works. */
const FEW = 16
/** Of those that were let go of: a fraction of a millisecond. */
const CLOSED_AT_ONCE = 256

/** A list from the directory that was used last to the one not used for longest, so that nothing has to be searched. */
export class DirCache {
  #newest: LayerDir | null = null
  #oldest: LayerDir | null = null
  #size = 0
  #tick = 1
  readonly #discarded: number[] = []

  readonly #scarceFrom: number

  /**
   * `readable`: directories are opened for reading, where that can be had, for whoever lists each of them.
   * `scarceFrom`: a descriptor of this number or above says that others need them, so those kept here become fewer.
   */
  constructor(
    private capacity: number,
    private readonly readable = false,
    scarceFrom = Number.POSITIVE_INFINITY,
  ) {
    this.#scarceFrom = scarceFrom
  }

  /** Starts a new operation: descriptors handed out from here on stay valid until the next call. */
  beginOperation(): void {
    this.#tick++
  }

  /** A descriptor of `dir`, valid until the end of the operation, or -errno. */
  fd(dir: LayerDir): number {
    if (dir.fd >= 0) {
      if (dir.tick !== this.#tick) this.#use(dir)
      return dir.fd
    }
    const parent = dir.parent
    if (parent === null) return dir.layer.rootFd
    if (parent.fd < 0 && parent.parent !== null) return this.#descend(dir)
    return this.#openIn(this.fd(parent), dir)
  }

  /**
   * The way down to `dir` from the nearest directory that is open, by a loop: it may be longer than the stack is deep.
   * What was opened only to pass through is closed behind, as soon as more are open than shall be.
   */
  #descend(dir: LayerDir): number {
    const way: LayerDir[] = []
    let at = dir
    for (; at.fd < 0 && at.parent !== null; at = at.parent) way.push(at)
    let fd = this.fd(at)
    for (let next = way.pop(); next !== undefined && fd >= 0; next = way.pop()) {
      fd = this.#openIn(fd, next)
      const passed = next.parent!
      if (passed !== at && this.#size > this.capacity && !passed.pinned) this.#drop(passed)
    }
    return fd
  }

  /** Opens and keeps `dir` in its parent's descriptor, or hands on that one's -errno. */
  #openIn(parentFd: number, dir: LayerDir): number {
    if (parentFd < 0) return parentFd
    let fd = this.#open(parentFd, dir.name)
    if ((fd === -Errno.EMFILE || fd === -Errno.ENFILE) && this.shrink()) fd = this.#open(parentFd, dir.name)
    if (fd >= 0) this.#keep(dir, fd)
    return fd
  }

  /** Closes `dir`'s descriptor: it is gone, or its node is. */
  release(dir: LayerDir): void {
    dir.pinned = false
    if (dir.cached) this.#drop(dir)
  }

  /** Opens and keeps `dir` for as long as its node lives: it is about to lose its name. */
  pin(dir: LayerDir): void {
    this.fd(dir)
    dir.pinned = true
  }

  close(): void {
    this.discardAll()
    while (this.closeSome());
  }

  /** Lets go of all, which `closeSome` closes. */
  discardAll(): void {
    while (this.#oldest !== null) this.#discard(this.#oldest)
  }

  #discard(dir: LayerDir): void {
    this.#discarded.push(dir.fd)
    dir.fd = -1
    this.#unlink(dir)
  }

  /** Closes some descriptors that were let go of; true: there are more. */
  closeSome(): boolean {
    for (const fd of this.#discarded.splice(-CLOSED_AT_ONCE)) native.close(fd)
    return this.#discarded.length > 0
  }

  /**
   * Lets go of those in `layer` that can be opened anew; `closeSome` closes them. What was pinned and has not been
   * removed after all can be, too.
   */
  releaseAll(layer: Layer): void {
    for (let dir = this.#oldest; dir !== null; ) {
      const next: LayerDir | null = dir.newer
      if (dir.layer === layer) {
        dir.pinned &&= native.statat(dir.fd, '') >= 0 && native.stat[Stat.NLINK] === 0
        if (!dir.pinned) this.#discard(dir)
      }
      dir = next
    }
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

  #keep(dir: LayerDir, fd: number): void {
    if (this.#size >= this.capacity) this.#evict()
    else if (fd >= this.#scarceFrom) this.#giveWay()
    dir.fd = fd
    dir.tick = this.#tick
    this.#link(dir)
  }

  /** For the one that comes two go, while this is more than a walk needs. */
  #giveWay(): void {
    for (let i = 0; i < 2 && this.#size > FEW && this.#evict(); i++);
  }

  #use(dir: LayerDir): void {
    dir.tick = this.#tick
    if (!dir.cached || dir === this.#newest) return
    this.#unlink(dir)
    this.#link(dir)
  }

  #link(dir: LayerDir): void {
    dir.cached = true
    dir.older = this.#newest
    if (this.#newest === null) this.#oldest = dir
    else this.#newest.newer = dir
    this.#newest = dir
    this.#size++
  }

  #unlink(dir: LayerDir): void {
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
    if (this.#discarded.length > 0) {
      while (this.closeSome());
      return true
    }
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

  #drop(dir: LayerDir): void {
    native.close(dir.fd)
    dir.fd = -1
    this.#unlink(dir)
  }
}
