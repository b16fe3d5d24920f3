/**
 * Descriptors of files that have lost their last name and are still in use. They lie in the queue of a socket, which
 * the keeper holds, too: nothing else keeps such a file while no process serves the mount. Each message is a nodeid and
 * the descriptor. Mostly the file that was parked first is forgotten first, so letting go takes from the front. What
 * stands before it and lives on goes to the back, and is in the queue at every moment.
 */
import { native } from '../../syscalls/native.js'

/** How many that live on are moved to the back for one that is let go of. */
const MOVED = 4
const MARK = 0
const NO_FDS = new Int32Array(0)

export class Parking {
  readonly #tag = new Float64Array(1)
  readonly #bytes = new Uint8Array(this.#tag.buffer)
  readonly #fds = new Int32Array(9)
  readonly #one = new Int32Array(1)
  readonly #gone = new Set<number>()
  readonly #parked = new Set<number>()
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

  /** Keeps the file of `fd` for `nodeid`. What cannot be kept is told once. */
  park(nodeid: number, fd: number): void {
    if (this.#parked.has(nodeid)) return
    const errno = this.#send(nodeid, fd)
    if (errno >= 0) this.#parked.add(nodeid)
    else if (!this.#isTold) {
      this.#isTold = true
      this.lost(errno)
    }
  }

  #send(tag: number, fd: number): number {
    this.#tag[0] = tag
    this.#one[0] = fd
    return native.sendFds(this.into, this.#bytes, fd < 0 ? this.#one.subarray(0, 0) : this.#one)
  }

  /** The file is not needed any more, or has a name again. */
  release(nodeid: number): void {
    if (!this.#parked.delete(nodeid)) return
    this.#gone.add(nodeid)
    if (this.#parked.size === 0) return this.#empty()
    for (let moved = 0; this.#gone.size > 0 && moved < MOVED; ) {
      const fd = this.#receive(true)
      if (fd === null) return this.#gone.clear()
      const tag = this.#tag[0]!
      const lives = tag !== MARK && !this.#gone.delete(tag)
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

  /** All that are parked, by nodeid: descriptors of the caller's own. They stay parked. For a new process. */
  takeAll(): Map<number, number> {
    const found = new Map<number, number>()
    if (this.#send(MARK, -1) < 0) return found
    for (let fd = this.#receive(true); fd !== null; fd = this.#receive(true)) {
      const tag = this.#tag[0]!
      const isNew = tag !== MARK && !found.has(tag)
      if (isNew && this.#send(tag, fd) >= 0) {
        found.set(tag, fd)
        this.#parked.add(tag)
      } else if (fd >= 0) native.close(fd)
      this.#drop()
      if (tag === MARK && !isNew) break
    }
    return found
  }
}
