/**
 * The transport over /dev/fuse: moves bytes between the device and the session, one request after the other, on the
 * engine's thread. One native call writes the last reply, waits and reads the next request. READs and WRITEs of bound
 * nodes are served inside that call and never show here, except while tracing.
 */

import { Errno, PENDING } from '../base/errno.js'
import { type DataBinding, type DataPort, type Operations, unbound } from '../operations/contract.js'
import { IN_HEADER, Opcode, OUT_HEADER } from '../protocol/opcodes.js'
import { WRITE_DATA } from '../protocol/requests-data.js'
import type { Session } from '../session/session.js'
import type { Device } from '../syscalls/native.js'

/** What a connection is served with. */
interface ConnectionOptions {
  /** With it every request and reply is told in one line, READ and WRITE too. */
  readonly trace?: ((line: string) => void) | undefined
  /** One number, which goes up when a request begins and when it has been answered. */
  readonly turns?: Int32Array | undefined
  /** Told of requests that are put aside (true), and that are not any more. */
  readonly aside?: ((uniqueLow: number, uniqueHigh: number, isOn: boolean) => void) | undefined
}

/** One mount's requests. Nothing here waits for anything but its device. */
export class Connection {
  readonly #handle: Handle
  readonly #session: Session
  readonly #aside: NonNullable<ConnectionOptions['aside']>
  /** Requests that wait for something, in the order in which they came. */
  #waiting: Uint8Array[] = []

  constructor(
    private readonly device: Device,
    session: Session,
    { trace, turns, aside }: ConnectionOptions = {},
  ) {
    this.#aside = aside ?? (() => {})
    const answer: Handle = (length) => (trace === undefined ? session.handle(length) : traced(session, length, trace))
    this.#handle = turns === undefined ? answer : counted(answer, turns)
    this.#session = session
    device.direct(trace === undefined)
  }

  /**
   * Serves until the thread has something else to look at (0), the mount is gone (-ENODEV) or its device has failed
   * (another -errno). Every request read by then has been answered or put aside.
   */
  serve(): number {
    for (let reply = 0; ; ) {
      const length = this.device.next(reply)
      if (length <= 0) return length
      reply = this.#putAside(length, this.#handle(length))
    }
  }

  /** Keeps a request that cannot be served yet; the bytes of its reply. */
  #putAside(length: number, reply: number): number {
    if (reply !== PENDING) return reply
    this.#wait(new Uint8Array(this.device.request.slice(0, length)))
    return 0
  }

  #wait(bytes: Uint8Array): void {
    this.#waiting.push(bytes)
    this.#aside(...halvesOf(bytes), true)
  }

  /** Answers EIO to a request that no process has any more. */
  fail(uniqueLow: number, uniqueHigh: number): void {
    new Int32Array(this.device.reply, 0, 4).set([OUT_HEADER, -Errno.EIO, uniqueLow, uniqueHigh])
    this.device.send(OUT_HEADER)
  }

  /**
   * Asks for all that the process before this one read and did not answer: those requests, oldest first. What had no
   * answer to wait for, or was read for the first time, is among them, but for what `keep` has seen to: it is asked of
   * each message in the request buffer.
   */
  takeOver(keep: () => boolean): Uint8Array[] | number {
    const errno = this.device.resend()
    if (errno < 0) return errno
    const taken: Uint8Array[] = []
    for (let length = this.device.take(); length > 0; length = this.device.take()) {
      if (keep()) continue
      taken.push(new Uint8Array(this.device.request.slice(0, length)))
      if (isFirst(taken[taken.length - 1]!)) break
    }
    return taken.sort((a, b) => uniqueOf(a) - uniqueOf(b))
  }

  /** Serves one of them, by `operations` in place of the usual ones. */
  serveTaken(bytes: Uint8Array, operations: Operations | null): void {
    new Uint8Array(this.device.request).set(bytes)
    const { length } = bytes
    const reply = operations === null ? this.#handle(length) : this.#session.handleAgain(length, operations)
    if (reply === PENDING) this.#wait(bytes)
    else if (reply > 0) this.device.send(reply)
  }

  /** Serves what was put aside, in its order. What has to wait on stays. */
  serveAgain(): void {
    if (this.#waiting.length === 0) return
    const before = this.#waiting
    this.#waiting = serveAgain(before, this.device, this.#handle)
    for (const bytes of before) if (!this.#waiting.includes(bytes)) this.#aside(...halvesOf(bytes), false)
  }
}

type Handle = (length: number) => number

const FORGETS: readonly number[] = [Opcode.FORGET, Opcode.BATCH_FORGET, Opcode.INTERRUPT]
const AGAIN = 0x8000_0000
const TWO_32 = 0x1_0000_0000

function halvesOf(bytes: Uint8Array): [low: number, high: number] {
  const words = new Uint32Array(bytes.buffer, 0, 4)
  return [words[2]!, words[3]!]
}

/** A request's unique without the bit that says that it comes again. */
function uniqueOf(bytes: Uint8Array): number {
  const words = new Uint32Array(bytes.buffer, 0, 4)
  return words[2]! + (words[3]! & ~AGAIN) * TWO_32
}

/** Whether it was never read before: those that were come first, but for messages without an answer. */
function isFirst(bytes: Uint8Array): boolean {
  const words = new Uint32Array(bytes.buffer, 0, 4)
  return (words[3]! & AGAIN) === 0 && !FORGETS.includes(words[1]!)
}

/** Only this thread writes the number, and who reads it wants to know no more than whether it moves. */
function counted(answer: Handle, turns: Int32Array): Handle {
  return (length) => {
    turns[0]!++
    const reply = answer(length)
    turns[0]!++
    return reply
  }
}

/** Serves what was put aside, in its order; what has to wait on. */
function serveAgain(waiting: Uint8Array[], device: Device, handle: Handle): Uint8Array[] {
  return waiting.filter((bytes) => {
    new Uint8Array(device.request).set(bytes)
    const reply = handle(bytes.length)
    if (reply > 0) device.send(reply)
    return reply === PENDING
  })
}

function traced(session: Session, length: number, trace: (line: string) => void): number {
  trace(`rx ${session.describeIncoming(length)}`)
  const reply = session.handle(length)
  if (reply > 0) trace(`tx ${session.describeReply(reply)}`)
  return reply
}

/** True when `serve`'s result means that the mount is gone. */
export function unmounted(result: number): boolean {
  return result === -Errno.ENODEV
}

/** The way of a READ's or WRITE's bytes that came to JavaScript: straight between `device`'s buffers and the file. */
export function dataPort(device: Device): DataPort {
  return {
    read: (fd, length, offset) => device.readInto(fd, length, offset),
    write: (fd, length, offset, killSuid, skip = 0) =>
      device.writeFrom(fd, IN_HEADER + WRITE_DATA + skip, length, offset, killSuid),
  }
}

/** Who else waits while the disk does what a request has asked for. */
interface Company {
  /** Whether the thread serves no other mount. */
  isAlone(): boolean
  /** Whether a process after this one would be told of a request that had no answer yet. */
  isRemembered(): boolean
}

/** Lets the engine tell `device` which descriptor serves a node. */
export function dataBinding(device: Device, wakeFd: number, company: Company): DataBinding {
  return {
    wakeFd,
    bind: (nodeid, fd, writable) => device.bind(nodeid, fd, writable),
    unbind: (nodeid) => device.unbind(nodeid),
    used: (nodeid) => device.used(nodeid) !== 0,
    openBacking: (fd) => device.openBacking(fd),
    closeBacking: (id) => void device.closeBacking(id),
    forgetAttributes: (nodeid) => void device.forgetAttributes(nodeid),
    readAhead: (dirFd, name) => void device.readAhead(dirFd, name),
    changed: (nodeid) => device.changed(nodeid) !== 0,
    count: (usage) => void device.count(usage),
    settleWritten: () => void device.settleWritten(),
    sync: (fd, dataOnly) =>
      company.isRemembered() ? device.sync(fd, dataOnly, company.isAlone()) : unbound.sync(fd, dataOnly),
    storeContent: (nodeid, fd, size) => void device.storeContent(nodeid, fd, size),
  }
}
