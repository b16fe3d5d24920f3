/**
 * The threads that engines run on. Each serves any number of mounts; a new mount goes to the one with the fewest. The
 * first is begun before anybody knows what to build, because loading its modules takes most of a mount's start. Others
 * follow in the background, once there are more mounts than threads.
 */
import { closeSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { Worker, type WorkerOptions } from 'node:worker_threads'
import { sourceStack } from '../../base/source-stack.js'
import { native } from '../../syscalls/native.js'
import type { FromEngine, FromMount, ToMount } from './engine-messages.js'
import { WORKER_LIMITS } from './worker-limits.js'

const MOST_THREADS = 8
/** A thread more is begun so long after the mount that wants it: loading it takes the processor from that one. */
const LATER_MS = 1000

/** What a mount hears from its thread. */
export interface MountListener {
  heard(message: FromMount): void
  /** The thread has died, with everything in it. */
  died(stack: string): void
}

export class PoolThread {
  readonly wakeFd: number
  readonly #worker: Worker
  readonly #mounts = new Map<number, MountListener>()
  #next = 1
  #isOver = false

  constructor(output: WorkerOptions = {}) {
    this.wakeFd = native.eventfd()
    this.#worker = new Worker(new URL('./engine-worker.cjs', import.meta.url), {
      name: 'engine',
      resourceLimits: WORKER_LIMITS,
      workerData: { wakeFd: this.wakeFd },
      ...output,
    })
    this.#worker.on('message', ({ mount, ...message }: FromEngine) => this.#mounts.get(mount)?.heard(message))
    this.#worker.on('error', (error: Error) => this.#died(sourceStack(error)))
    this.#worker.on('exit', (code) => this.#died(`the engine's thread exited with ${code}`))
  }

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

  /** The mount is over: nothing is heard of it any more. */
  remove(mount: number): void {
    this.#mounts.delete(mount)
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
    closeSync(this.wakeFd)
  }
}

type Transferable = import('node:worker_threads').MessagePort

class EnginePool {
  #threads: PoolThread[] = []
  #most = 1
  #growing: NodeJS.Timeout | null = null

  /**
   * Begins the first thread. The process has no output: it is spared the making of its streams.
   */
  begin(): void {
    if (this.#threads.length === 0) this.#threads.push(new PoolThread({ stdout: true, stderr: true }))
  }

  /** Many mounts are to come: as many threads as processors, from now on. */
  allowMany(): void {
    this.#most = Math.min(MOST_THREADS, availableParallelism())
  }

  /** The thread with the fewest mounts. */
  take(): PoolThread {
    this.#threads = this.#threads.filter((thread) => !thread.isOver)
    if (this.#threads.length === 0) this.#threads.push(new PoolThread())
    const least = this.#threads.reduce((best, thread) => (thread.load < best.load ? thread : best))
    if (least.load > 0) this.#grow()
    return least
  }

  /** For `host status`: mounts on each thread. */
  get loads(): readonly number[] {
    return this.#threads.map((thread) => thread.load)
  }

  #grow(): void {
    if (this.#threads.length >= this.#most || this.#growing !== null) return
    this.#growing = setTimeout(() => {
      this.#growing = null
      this.#threads.push(new PoolThread({ stdout: true, stderr: true }))
    }, LATER_MS).unref()
  }
}

/** The process's own. */
export const enginePool = new EnginePool()
