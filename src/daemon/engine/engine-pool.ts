/**
 * The threads that engines run on. Each serves any number of mounts; a new mount goes to the one with the fewest. The
 * first is begun before anybody knows what to build, because loading its modules takes most of a mount's start. Others
 * follow in the background, once there are more mounts than threads.
 */
import { availableParallelism } from 'node:os'
import { Worker, type WorkerOptions } from 'node:worker_threads'
import { sourceStack } from '../../base/source-stack.js'
import { native } from '../../syscalls/native.js'
import { OwnedFd } from '../../syscalls/owned-fd.js'
import type { EngineStart, FromEngine, FromMount, ToMount } from './engine-messages.js'
import { WORKER_LIMITS } from './worker-limits.js'

const MOST_THREADS = 8
/** A thread more is begun so long after the mount that wants it: loading it takes the processor from that one. */
const LATER_MS = 1000
/** How often threads are asked for a sign of life, and from when on their silence matters. */
const WATCH_MS = 2_000
const SILENT_MS = 2_000

/**
 * Room for descriptors made while the engine loads: more than directories and files kept, where the process may have
 * that many.
 */
export const RESERVED = 4096

/** What a mount hears from its thread. */
interface MountListener {
  heard(message: FromMount): void
  /** The thread has not answered for a while: a call of one of its mounts takes long. */
  silent(): void
  /** The thread has died, with everything in it. */
  died(stack: string): void
}

export class PoolThread {
  readonly #wake: OwnedFd
  readonly #worker: Worker
  readonly #mounts = new Map<number, MountListener>()
  #next = 1
  #isOver = false
  /** When it was asked for a sign of life that has not come yet; 0: nothing is owed. */
  #probedAt = 0
  #isTold = false
  #answered: () => void = () => {}

  constructor(output: WorkerOptions = {}) {
    this.#wake = new OwnedFd(native.eventfd())
    this.#worker = new Worker(new URL('./engine-worker.cjs', import.meta.url), {
      name: 'engine',
      resourceLimits: WORKER_LIMITS,
      workerData: { wakeFd: this.wakeFd },
      ...output,
    })
    this.#worker.on('message', ({ mount, ...message }: FromEngine) => {
      if (message.kind === 'alive') this.#alive()
      else this.#mounts.get(mount)?.heard(message)
    })
    this.#worker.on('error', (error: Error) => this.#died(sourceStack(error)))
    this.#worker.on('exit', (code) => this.#died(`the engine's thread exited with ${code}`))
  }

  /** Wakes the thread; -1 once it has died. */
  get wakeFd(): number {
    return this.#wake.fd
  }

  /** Its mount shares it with no other: what lies below may take long to answer. */
  isAlone = false

  /** Mounts that it has. */
  get load(): number {
    return this.#mounts.size
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Takes a mount in; its number. */
  add(listener: MountListener): number {
    const number = this.#next++
    this.#mounts.set(number, listener)
    return number
  }

  /** For how many milliseconds it has owed an answer; 0 where it has answered, or has nothing to serve. */
  get silentMs(): number {
    return this.#probedAt === 0 ? 0 : Date.now() - this.#probedAt
  }

  /** Asks for a sign of life. What is owed for longer than a moment is told in the logs, once. */
  probe(): void {
    if (this.#probedAt === 0) {
      if (this.load === 0) return
      this.#probedAt = Date.now()
      return this.send(0, { kind: 'probe' })
    }
    if (this.silentMs < SILENT_MS || this.#isTold) return
    this.#isTold = true
    for (const listener of this.#mounts.values()) listener.silent()
  }

  /** Rehearses a mount, and waits for its end. */
  rehearse(start: EngineStart | null): Promise<void> {
    this.send(0, { kind: 'rehearse', start })
    return new Promise((resolve) => {
      this.#answered = resolve
    })
  }

  #alive(): void {
    this.#answered()
    this.#probedAt = 0
    this.#isTold = false
  }

  /** The mount is over: nothing is heard of it any more. */
  remove(mount: number): void {
    this.#mounts.delete(mount)
    if (this.#mounts.size === 0) this.isAlone = false
  }

  send(mount: number, message: ToMount, transfer: readonly Transferable[] = []): void {
    if (this.#isOver) return
    this.#worker.postMessage({ mount, ...message }, transfer as never)
    native.signalEvent(this.wakeFd)
  }

  /** Ends the thread at once, wherever it is. */
  async end(): Promise<void> {
    await this.#worker.terminate()
  }

  #died(stack: string): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const listener of [...this.#mounts.values()]) listener.died(stack)
    this.#mounts.clear()
    this.#wake.close()
  }
}

type Transferable = import('node:worker_threads').MessagePort

class EnginePool {
  #threads: PoolThread[] = []
  #most = 1
  #servesMany = false
  #growing: NodeJS.Timeout | null = null

  /**
   * Begins the first thread. The process has no output: it is spared the making of its streams.
   */
  begin(): void {
    if (this.#threads.length === 0) this.#begin({ stdout: true, stderr: true })
  }

  /**
   * The first thread has loaded what it is made of, and what takes a while when it is done first has been done;
   * `start`: what a mount is rehearsed with; null: nothing is.
   */
  async warm(start: EngineStart | null): Promise<void> {
    native.reserveDescriptors(RESERVED)
    // A log asks for the time zone, which is read from files.
    new Date().getTimezoneOffset()
    await this.#threads[0]?.rehearse(start)
  }

  #begin(output: WorkerOptions = {}): PoolThread {
    const thread = new PoolThread(output)
    this.#threads.push(thread)
    return thread
  }

  /** Many mounts are to come: as many threads as processors, from now on, and each is watched. */
  allowMany(): void {
    this.#servesMany = true
    this.#most = Math.min(MOST_THREADS, availableParallelism())
    setInterval(() => this.#watch(), WATCH_MS).unref()
  }

  /** Whether this process is a host. */
  get servesMany(): boolean {
    return this.#servesMany
  }

  /** A thread that hangs, on a disk or a network filesystem below, gets no further mount. */
  #watch(): void {
    for (const thread of this.#threads) thread.probe()
  }

  /** Each thread collects what mounts left, when it has nothing else to do. */
  giveBack(): void {
    for (const thread of this.#threads) thread.send(0, { kind: 'give-back' })
  }

  /** The thread with the fewest mounts; `alone`: one that has none, and gets no other. */
  take(alone: boolean): PoolThread {
    this.#threads = this.#threads.filter((thread) => !thread.isOver)
    if (alone) return this.#takeAlone()
    const answering = this.#threads.filter((thread) => !thread.isAlone && thread.silentMs < SILENT_MS)
    if (answering.length === 0) answering.push(this.#begin())
    const least = answering.reduce((best, thread) => (thread.load < best.load ? thread : best))
    if (least.load > 0) this.#grow()
    return least
  }

  /** Of each thread: its mounts, and for how many milliseconds it has not answered. */
  get threads(): readonly { readonly mounts: number; readonly silentMs: number }[] {
    return this.#threads.map((thread) => ({ mounts: thread.load, silentMs: thread.silentMs }))
  }

  #takeAlone(): PoolThread {
    const thread = this.#threads.find(({ load }) => load === 0) ?? this.#begin()
    thread.isAlone = true
    return thread
  }

  #grow(): void {
    if (this.#threads.length >= this.#most || this.#growing !== null) return
    this.#growing = setTimeout(() => {
      this.#growing = null
      this.#begin({ stdout: true, stderr: true })
    }, LATER_MS).unref()
  }
}

/** The process's own. */
export const enginePool = new EnginePool()
