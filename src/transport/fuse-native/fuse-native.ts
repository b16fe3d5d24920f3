/**
 * The transport over the package fuse-native: libfuse 2.9, prebuilt, so that a host without a compiler can mount. Its C
 * half calls back with paths on the main thread (it uses the default loop, so it works on no other); calls.ts
 * answers them by the same operations that dev-fuse serves. The package's own JavaScript is kept for mounting; of its
 * callbacks the ones that lose something (link counts of 0, buffers that are too small, the second time of utimens) are
 * replaced. What it cannot carry at all is listed in docs/transports.md, a test for each line.
 *
 * Its `unmount` is not used: it calls `fusermount`, which a host with fuse3 need not have, and tells nobody of a mount
 * that was unmounted from outside. The end of a mount is seen by libfuse's device going away.
 */
import { fstatSync, readdirSync, readlinkSync } from 'node:fs'
import { Errno } from '../../base/errno.js'
import { StratafsError } from '../../base/failure.js'
import type { Caller, Operations } from '../../operations/contract.js'
import { type Answer, Calls } from './calls.js'
import { type Fuse, type FuseClass, loadFuseNative } from './package.js'

/** Milliseconds between two looks at whether the mount is gone. */
const LOOK_MS = 50
/** The C half copies its option string into as many bytes. */
const LONGEST_OPTIONS = 1000
const LONGEST_MOUNTPOINT = 1000

type Signal = (result: number, ...more: unknown[]) => void

interface Wish {
  readonly operations: Operations
  readonly caller: Caller
  /** UTF-8, absolute. */
  readonly mountpoint: string
  /** Option words for libfuse and for mount(2). */
  readonly options: string
  /** One line for each call and each answer. */
  readonly trace?: ((line: string) => void) | undefined
  /** One number, which goes up when a call begins and when it has been answered. */
  readonly turns: Int32Array
  /** A callback threw: it is answered with EIO. */
  fault(error: unknown, call: string): void
}

export interface FuseNativeMount {
  /** Resolves when the kernel has let go of the mount. */
  readonly ended: Promise<void>
  counters(): Record<string, unknown>
  /** Answers every further call with ENOTCONN, and gives back what the calls held. */
  close(): void
}

/** Mounts; resolves once the kernel has begun to ask, or with a sentence why there is no mount. */
export async function mountFuseNative(wish: Wish): Promise<FuseNativeMount | StratafsError> {
  const loaded = loadFuseNative()
  if (typeof loaded === 'string') return new StratafsError(`fuse-native cannot be used: ${loaded}`, 'MOUNT_REFUSED')
  if (wish.options.length > LONGEST_OPTIONS)
    return new StratafsError('the mount options are too long for fuse-native', 'MOUNT_REFUSED')
  if (wish.mountpoint.length > LONGEST_MOUNTPOINT)
    return new StratafsError('the mountpoint is too long for fuse-native', 'MOUNT_REFUSED')
  const served = new Served(wish)
  const devices = openDevices()
  const fuse = served.make(loaded.Fuse)
  const error = await new Promise<Error | null>((resolve) => fuse.open(resolve))
  if (error !== null) return new StratafsError(words(error.message), 'MOUNT_REFUSED')
  const device = openDevices().find((fd) => !devices.includes(fd))
  served.ended = deviceGone(device ?? -1)
  return served
}

function words(message: string): string {
  if (message === 'Mountpoint in use') return 'fuse-native cannot mount where something is mounted already'
  if (message !== 'fuse failed') return message
  return 'libfuse could not mount; it has said why on standard error (see with -f)'
}

/** Descriptors of /dev/fuse in this process. */
function openDevices(): number[] {
  return readdirSync('/proc/self/fd').map(Number).filter(isDevice)
}

function isDevice(fd: number): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`) === '/dev/fuse' && fstatSync(fd).isCharacterDevice()
  } catch {
    return false
  }
}

/** libfuse closes its device when the mount is gone, and tells nobody. */
function deviceGone(fd: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (isDevice(fd)) return
      clearInterval(timer)
      resolve()
    }, LOOK_MS)
  })
}

/** Calls in which the buffer has to be given back whatever happens: the position of it among the arguments. */
const BUFFER_AT: Readonly<Record<string, number>> = { read: 2, write: 2, setxattr: 2, getxattr: 2, listxattr: 1 }
const OP_UTIMENS = 12
/** Where fuse_thread_locals_t (x86-64) has `size_t atime` and, after it, `mtime`. */
const ATIME_AT = 104

class Served implements FuseNativeMount {
  ended: Promise<void> = Promise.resolve()
  readonly #calls: Calls
  readonly #counts: Record<string, number> = {}
  #closed = false
  #faults = 0
  #requests = 0

  constructor(private readonly wish: Wish) {
    this.#calls = new Calls(wish.operations, wish.caller)
  }

  counters(): Record<string, unknown> {
    const byKind = Object.fromEntries(Object.entries(this.#counts).sort())
    return { requests: this.#requests, faults: this.#faults, ...this.#calls.counters(), byKind }
  }

  close(): void {
    this.#closed = true
    this.#calls.close()
  }

  /** The package's class with our callbacks in it. */
  make(Base: FuseClass): Fuse {
    const { options, mountpoint } = this.wish
    const names = Object.keys(this.#calls.table)
    class Ours extends Base {
      _fuseOptions(): string {
        return `-o${options}`
      }
    }
    for (const name of names) {
      const answer = (signal: Signal, ...args: unknown[]) => signal(...this.#answer(name, args))
      Object.defineProperty(Ours.prototype, `_op_${name}`, { value: answer })
    }
    // Its timers answer ETIMEDOUT behind the back of a slow operation: off.
    const implemented = Object.fromEntries(names.map((name) => [name, () => {}]))
    const fuse = new Ours(mountpoint, implemented, { timeout: false })
    mendTimes(fuse)
    return fuse
  }

  #answer(name: string, args: unknown[]): [number, ...unknown[]] {
    this.#requests++
    this.#counts[name] = (this.#counts[name] ?? 0) + 1
    this.wish.trace?.(`rx ${name} ${args.map(printed).join(' ')}`)
    this.wish.turns[0]!++
    const answer = this.#closed ? -Errno.ENOTCONN : this.#run(name, args)
    this.wish.turns[0]!++
    const full: [number, ...unknown[]] = typeof answer === 'number' ? [answer, ...buffers(name, args)] : [...answer]
    this.wish.trace?.(`tx ${full[0]}`)
    return full
  }

  #run(name: string, args: unknown[]): Answer {
    try {
      return this.#calls.table[name]?.(...args) ?? -Errno.ENOSYS
    } catch (error) {
      this.#faults++
      this.wish.fault(error, `${name} ${args.map(printed).join(' ')}`)
      return -Errno.EIO
    }
  }
}

/** For a call that came to nothing: the buffer it was given has to go back all the same. */
function buffers(name: string, args: readonly unknown[]): unknown[] {
  const at = BUFFER_AT[name]
  if (at === undefined) return []
  const { buffer } = args[at] as Buffer
  return name === 'read' || name === 'write' ? [0, buffer] : [buffer]
}

function printed(argument: unknown): string {
  if (argument instanceof Uint8Array) return `<${argument.length}>`
  return typeof argument === 'string' ? JSON.stringify(argument) : String(argument)
}

/**
 * The C half hands the access time over twice and never the modification time. Both stand in the record of the call,
 * which is a Buffer in JavaScript: read there, once the first of them is seen to be where it is expected.
 */
function mendTimes(fuse: Fuse): void {
  const given = fuse._handlers[OP_UTIMENS]
  if (given === undefined) return
  fuse._handlers[OP_UTIMENS] = (call, opcode, path, ...times) => {
    const stands = [0, 4].every((half) => call.readUInt32LE(ATIME_AT + half) === times[half / 4])
    const both = [0, 4, 8, 12].map((half) => call.readUInt32LE(ATIME_AT + half))
    given(call, opcode, path, ...(stands ? both : times))
  }
}
