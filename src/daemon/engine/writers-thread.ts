/**
 * The main thread's hold on the thread that writes the indexes of all mounts of this process. It begins with the first
 * writer and stays; where it dies, the mounts it wrote for go on without, and the next writer begins another.
 */
import { type MessagePort, Worker } from 'node:worker_threads'
import { sourceStack } from '../../base/source-stack.js'
import type { FromWriter, FromWriters, ToWriters, WriterStart } from '../../owner-index/database/shared-state.js'
import { WORKER_LIMITS } from './worker-limits.js'

/** One mount's writer. */
export class Writing {
  readonly #ended: Promise<void>
  #end: () => void = () => {}

  constructor(
    private readonly send: (message: ToWriters) => void,
    private readonly mount: number,
    private readonly listener: (message: FromWriter) => void,
  ) {
    this.#ended = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  tell(kind: 'crashed' | 'fill' | 'drop'): void {
    this.send({ kind, mount: this.mount })
  }

  heard(message: FromWriter): void {
    if (message.kind !== 'ended') this.listener(message)
    if (message.kind === 'ended' || message.kind === 'failed') this.#end()
  }

  /** False where it has not within so many milliseconds. */
  async endedWithin(milliseconds: number): Promise<boolean> {
    let late: NodeJS.Timeout | undefined
    const timer = new Promise<boolean>((resolve) => {
      late = setTimeout(() => resolve(false), milliseconds)
    })
    const ended = await Promise.race([this.#ended.then(() => true), timer])
    clearTimeout(late)
    return ended
  }
}

class WritersThread {
  #worker: Worker | null = null
  readonly #writing = new Map<number, Writing>()
  #next = 1

  /** Begins a writer with the engine's end of their channel. Throws where no thread can be had. */
  begin(start: WriterStart, engine: MessagePort, listener: (message: FromWriter) => void): Writing {
    const worker = this.#worker ?? this.#start()
    const mount = this.#next++
    const writing = new Writing((message) => this.#worker?.postMessage(message), mount, listener)
    this.#writing.set(mount, writing)
    worker.postMessage({ kind: 'begin', mount, start, engine } satisfies ToWriters, [engine])
    return writing
  }

  /** Collects what writers left. */
  giveBack(): void {
    this.#worker?.postMessage({ kind: 'give-back' } satisfies ToWriters)
  }

  #start(): Worker {
    const url = new URL('../../owner-index/writer/writer-worker.cjs', import.meta.url)
    const worker = new Worker(url, { name: 'index', resourceLimits: WORKER_LIMITS })
    worker.on('message', ({ mount, ...message }: FromWriters) => {
      this.#writing.get(mount)?.heard(message)
      if (message.kind === 'ended' || message.kind === 'failed') this.#writing.delete(mount)
    })
    worker.on('error', (error: Error) => this.#died(error.message, sourceStack(error)))
    worker.on('exit', (code) => this.#died(`its thread exited with ${code}`, ''))
    worker.unref()
    this.#worker = worker
    return worker
  }

  #died(message: string, stack: string): void {
    this.#worker = null
    for (const writing of this.#writing.values()) writing.heard({ kind: 'failed', message, stack })
    this.#writing.clear()
  }
}

/** The process's own. */
export const writersThread = new WritersThread()
