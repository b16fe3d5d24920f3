/**
 * This process's line to its keeper (native-bindings/src/launch-keep.c), a small process that holds what mounts need to
 * be served on. It is started with the first mount that shall outlive this process, and started again where it dies. A
 * keeper whose line ends hands everything over to a process of this program with `--resume`, which mostly waits for it
 * already.
 *
 * Messages: u32 what · u32 the mount's number; descriptors come along.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { Errno } from '../../base/errno.js'
import { packageRoot, prebuiltFiles } from '../../base/package-files.js'
import { native } from '../../syscalls/native.js'

const What = { ADD: 0x41, REMOVE: 0x52, GOODBYE: 0x42, PLANNED: 0x55, END: 0x45 } as const
/** A process that may follow waits from now on · it serves · the other version's process waits · there is none. */
const Say = { READY: 0x4b, SERVING: 0x53, MAKE_WAY: 0x47, STAY: 0x58 } as const

/** A keeper of an older version does not answer whether the next process is there. */
const UNANSWERED_MS = 4_000

/** One that dies younger than so, or cannot be started, is followed after a while. */
const YOUNG_MS = 100
const AGAIN_MS = 500

/** How long after a mount the guard is started, so that no mount waits for it. */
const GUARD_MS = 100

/** The first argument of the program that a keeper starts. */
export const RESUME = '--resume'

const BUILT = 'native-bindings/build/Release/launch'
const MOST_FDS = 8

/** What a keeper hands over: a mount's number and its descriptors, the caller's from then on. */
interface HandedOver {
  readonly mount: number
  readonly fds: readonly number[]
}

class Keeper {
  readonly #mounts = new Map<number, readonly number[]>()
  #line = -1
  #began = 0
  #next = 1
  #isLeaving = false
  #isGuarded = false
  #heard = Buffer.alloc(0)
  #answered: (what: number | null) => void = () => {}
  /** Where this process listens for further mounts, for the next one to do so, too; '' where it does not. */
  socket = ''

  /** Keeps `fds`, which stay the caller's; the mount's number, or why there is no keeper. */
  add(fds: readonly number[]): number | string {
    const why = this.#line >= 0 ? null : this.#begin()
    if (why !== null) return why
    const mount = this.#next++
    this.#mounts.set(mount, fds)
    this.#send(What.ADD, mount, fds)
    setTimeout(() => this.guard(), GUARD_MS).unref()
    return mount
  }

  /**
   * Has another process keep descriptors open should this one die (native-bindings/src/guard.cc); another one where
   * that dies. Without it they go to the keeper one by one.
   */
  guard(): void {
    if (!this.#isGuarded) process.on('SIGCHLD', () => native.startGuard())
    this.#isGuarded = true
    native.startGuard()
  }

  /** The mount has ended. */
  remove(mount: number): void {
    if (this.#mounts.delete(mount)) this.#send(What.REMOVE, mount, [])
  }

  /** This process ends on purpose: nobody is to follow it. */
  leave(): void {
    this.#isLeaving = true
    this.#send(What.GOODBYE, 0, [])
  }

  /** How many mounts it has. */
  get size(): number {
    return this.#mounts.size
  }

  /**
   * The keeper has `command` follow once this process has ended, which is to be at once then: null. Or why this process
   * stays: nothing has changed.
   */
  async makeWay(command: readonly string[]): Promise<string | null> {
    const memory = this.#line < 0 ? -1 : native.memfd()
    if (memory < 0) return 'its keeper cannot be reached'
    const bytes = Buffer.from(command.map((word) => `${word}\0`).join(''))
    const isWritten = native.pwrite(memory, bytes, 0, bytes.length, 0) === bytes.length
    const answer = new Promise<number | null>((resolve) => {
      this.#answered = resolve
      setTimeout(() => resolve(null), UNANSWERED_MS)
    })
    if (isWritten) this.#send(What.PLANNED, 0, [memory])
    native.close(memory)
    if (!isWritten) return 'its keeper cannot be told'
    if ((await answer) === Say.STAY) return `the process that was to follow does not come up: ${command.join(' ')}`
    this.#isLeaving = true
    return null
  }

  /** This process, started by a keeper, can take over from now on. */
  ready(line: number): void {
    sendOver(line, Say.READY, 0, [])
  }

  /** All that was taken over is served. */
  serving(): void {
    this.#send(Say.SERVING, 0, [])
  }

  /** Whether there is something to be taken over at the other end of `line`, or nothing ever will be. */
  isCalled(line: number): boolean {
    const bytes = new Uint8Array(8)
    return native.receiveFds(line, bytes, new Int32Array(MOST_FDS + 1), true, false) !== -Errno.EAGAIN
  }

  /** Takes over what the keeper at the other end of `line` has; waits until that is to be. */
  resume(line: number): HandedOver[] {
    const words = new Uint32Array(2)
    const bytes = new Uint8Array(words.buffer)
    const fds = new Int32Array(MOST_FDS + 1)
    const all: HandedOver[] = []
    while (native.receiveFds(line, bytes, fds, false, true) === bytes.length && words[0] === What.ADD) {
      const handed = { mount: words[1]!, fds: [...fds.subarray(1, 1 + fds[0]!)] }
      all.push(handed)
      this.#mounts.set(handed.mount, handed.fds)
      this.#next = Math.max(this.#next, handed.mount + 1)
    }
    this.#listen(line)
    return all
  }

  #send(what: number, mount: number, fds: readonly number[]): void {
    if (this.#line >= 0) sendOver(this.#line, what, mount, fds)
  }

  /** Null, or why there is none. */
  #start(): string | null {
    const program = [join(packageRoot(), BUILT), ...prebuiltFiles('launch')].find((path) => existsSync(path))
    if (program === undefined) return 'the launcher, which is the keeper, too, is not there'
    const pair = new Int32Array(2)
    if (native.socketPair(false, pair) < 0) return 'no socket can be had'
    const script = join(packageRoot(), 'dist/src/cli/launched-main.cjs')
    const pool = process.execArgv.filter((word) => word.startsWith('--v8-pool-size'))
    const child = started(program, ['--keep', process.execPath, ...pool, script, RESUME], {
      cwd: '/',
      detached: true,
      env: this.socket === '' ? process.env : { ...process.env, STRATAFS_HOST_SOCKET: this.socket },
      stdio: ['ignore', 'ignore', 'inherit', pair[1]!],
    })
    native.close(pair[1]!)
    if (child?.pid === undefined) {
      native.close(pair[0]!)
      return 'no process can be started'
    }
    child.unref()
    this.#began = performance.now()
    this.#listen(pair[0]!)
    return null
  }

  #listen(line: number): void {
    this.#line = line
    const socket = new Socket({ fd: line, readable: true, writable: false })
    socket.on('error', () => {})
    socket.on('close', () => this.#died())
    socket.on('data', (bytes) => this.#hear(bytes))
    socket.unref()
  }

  #hear(bytes: Buffer): void {
    this.#heard = Buffer.concat([this.#heard, bytes])
    for (; this.#heard.length >= 8; this.#heard = this.#heard.subarray(8)) {
      const what = this.#heard.readUInt32LE(0)
      if (what === Say.MAKE_WAY || what === Say.STAY) this.#answered(what)
    }
  }

  /** A keeper that gets everything: null, or why there is none. */
  #begin(): string | null {
    const why = this.#start()
    if (why === null) for (const [mount, fds] of this.#mounts) this.#send(What.ADD, mount, fds)
    return why
  }

  /** This process goes on with another keeper. One that has died at once is not followed at once. */
  #died(): void {
    this.#line = -1
    this.#again(performance.now() - this.#began < YOUNG_MS ? AGAIN_MS : 0)
  }

  /** Begins another one after `wait` ms, and tries that again where it does not come up: memory may be short now. */
  #again(wait: number): void {
    if (this.#line >= 0 || this.#isLeaving || this.#mounts.size === 0) return
    if (wait > 0) setTimeout(() => this.#again(0), wait).unref()
    else if (this.#begin() !== null) this.#again(AGAIN_MS)
  }
}

/** Null, or a child without a pid, where there is none: Node throws some errors, and tells of others. */
function started(program: string, words: readonly string[], options: SpawnOptions): ChildProcess | null {
  try {
    return spawn(program, words, options).on('error', () => {})
  } catch {
    return null
  }
}

function sendOver(line: number, what: number, mount: number, fds: readonly number[]): void {
  const words = new Uint32Array([what, mount])
  native.sendFds(line, new Uint8Array(words.buffer), new Int32Array(fds))
}

/** The process's own. */
export const keeper = new Keeper()
