/**
 * Descriptors of files that have lost their last name and are still in use. The guard (native-bindings/src/guard.cc)
 * keeps them open when this process dies, and puts them into the queue of a socket, which the keeper holds: nothing
 * else keeps such a file while no process serves the mount. That costs a store in a table.
 *
 * Where there is no guard they are put there at once. Each message is a nodeid and the descriptor. Mostly the file that
 * was parked first is forgotten first, so letting go takes from the front. What stands before it and lives on goes to
 * the back, and is in the queue at every moment.
 */
import { native } from '../../syscalls/native.js'

/** How many that live on are moved to the back for one that is let go of. */
const MOVED = 4
const QUEUED = -1
const NO_FDS = new Int32Array(0)

export class Parking {
  readonly #tag = new Float64Array(1)
  readonly #bytes = new Uint8Array(this.#tag.buffer)
  readonly #fds = new Int32Array(9)
  readonly #one = new Int32Array(1)
  readonly #gone = new Set<number>()
  /** Where each one lies: its place with the guard, or QUEUED. */
  readonly #parked = new Map<number, number>()
  #queued = 0
  /** Descriptors that go with their place. */
  readonly #closing = new Map<number, number>()
  #isTold = false

  constructor(
    /** The two ends of the socket pair, the caller's. */
    private readonly into: number,
    private readonly from: number,
    private readonly lost: (errno: number) => void,
  ) {}

  has(nodeid: number): boolean {
    return this.#parked.has(nodeid)
  }

  /** Keeps the file of `fd`, which stays open until it is released, for `nodeid`. What cannot be kept is told once. */
  park(nodeid: number, fd: number): void {
    if (this.#parked.has(nodeid)) return
    const place = native.guardFd(this.into, nodeid, fd)
    const errno = place >= 0 ? 0 : this.#send(nodeid, fd)
    if (errno >= 0) this.#note(nodeid, place)
    else if (!this.#isTold) {
      this.#isTold = true
      this.lost(errno)
    }
  }

  #note(nodeid: number, place: number): void {
    this.#parked.set(nodeid, place)
    if (place === QUEUED) this.#queued++
  }

  /** `fd`, which is not needed any more once `nodeid` is released, is closed then; now, where it is not parked. */
  closeWith(nodeid: number, fd: number): void {
    if (this.#parked.has(nodeid) && !this.#closing.has(nodeid)) this.#closing.set(nodeid, fd)
    else native.close(fd)
  }

  /** The mount ends: its descriptors are about to be closed. */
  end(): void {
    for (const nodeid of [...this.#parked.keys()]) this.release(nodeid)
  }

  #send(tag: number, fd: number): number {
    this.#tag[0] = tag
    this.#one[0] = fd
    return native.sendFds(this.into, this.#bytes, fd < 0 ? this.#one.subarray(0, 0) : this.#one)
  }

  /** The file is not needed any more, or has a name again. */
  release(nodeid: number): void {
    const place = this.#parked.get(nodeid)
    if (place === undefined) return
    this.#parked.delete(nodeid)
    if (place === QUEUED) this.#unqueue(nodeid)
    else native.unguard(place)
    const closing = this.#closing.get(nodeid)
    if (closing === undefined) return
    this.#closing.delete(nodeid)
    native.close(closing)
  }

  #unqueue(nodeid: number): void {
    this.#gone.add(nodeid)
    if (--this.#queued === 0) return this.#empty()
    for (let moved = 0; this.#gone.size > 0 && moved < MOVED; ) {
      const fd = this.#receive(true)
      if (fd === null) return this.#gone.clear()
      const tag = this.#tag[0]!
      const lives = tag > 0 && !this.#gone.delete(tag)
      if (lives && this.#send(tag, fd) < 0) moved = MOVED
      if (!lives || moved < MOVED) this.#drop()
      if (fd >= 0) native.close(fd)
      if (lives) moved++
    }
  }

  /** The first message's descriptor, and its tag in `#tag`; -1 where it has none; null where there is no message. */
  #receive(peek: boolean): number | null {
    const got = native.receiveFds(this.from, this.#bytes, this.#fds, peek, false)
    if (got <= 0) return null
    return this.#fds[0]! > 0 ? this.#fds[1]! : -1
  }

  /** Nothing lives on of what is in the queue. */
  #empty(): void {
    while (this.#gone.size > 0) {
      if (!this.#drop()) return this.#gone.clear()
      this.#gone.delete(this.#tag[0]!)
    }
  }

  /** Takes the first message away; its descriptor never becomes ours. False: there is none. */
  #drop(): boolean {
    return native.receiveFds(this.from, this.#bytes, NO_FDS, false, false) > 0
  }

  /**
   * All that are parked, by nodeid: descriptors of the caller's own. They stay parked, and are closed by nobody before
   * they are released. For a new process.
   */
  takeAll(): Map<number, number> {
    const found = new Map<number, number>()
    // Not a nodeid, and not what one that died in the middle of this has left.
    const mark = -1 - Math.random()
    if (this.#send(mark, -1) < 0) return found
    for (let fd = this.#receive(true); fd !== null; fd = this.#receive(true)) {
      const tag = this.#tag[0]!
      const isNew = tag > 0 && !found.has(tag)
      const place = isNew ? native.guardFd(this.into, tag, fd) : QUEUED
      if (isNew && (place >= 0 || this.#send(tag, fd) >= 0)) {
        found.set(tag, fd)
        this.#note(tag, place)
      } else if (fd >= 0) native.close(fd)
      this.#drop()
      if (tag === mark) break
    }
    return found
  }
}
