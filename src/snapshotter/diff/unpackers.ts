/**
 * Threads that unpack layers: as many as there are processors at a time, each for one layer after the other. So nobody
 * who asks the snapshotter something waits for a layer, and layers that are unpacked side by side do so in earnest.
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { failureFrom } from '../../base/failure.js'
import type { FromUnpacker, ToUnpacker, UnpackedLayer, UnpackOrder } from './unpack-work.js'

/** One that has nothing to do ends after so long. */
const IDLE_MS = 30_000
const MOST = Math.max(2, availableParallelism())

export class Unpackers {
  readonly #idle = new Map<Worker, NodeJS.Timeout>()
  readonly #waiting: (() => void)[] = []
  #busy = 0

  /** Unpacks. Throws StratafsError, or the reason of `signal`, with nothing left behind. */
  async unpack(order: UnpackOrder, signal: AbortSignal | undefined): Promise<UnpackedLayer> {
    if (this.#busy >= MOST) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#busy++
    try {
      signal?.throwIfAborted()
      return await this.#run(this.#take(), order, signal)
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#busy--
      else next()
    }
  }

  #take(): Worker {
    for (const [worker, late] of this.#idle) {
      clearTimeout(late)
      this.#idle.delete(worker)
      return worker
    }
    return new Worker(new URL('./unpack-worker.cjs', import.meta.url), {
      name: 'unpack',
      // Descriptors come from Node and go by the addon, or the other way.
      trackUnmanagedFds: false,
    })
  }

  async #run(worker: Worker, order: UnpackOrder, signal: AbortSignal | undefined): Promise<UnpackedLayer> {
    worker.ref()
    const cancel = () => worker.postMessage('cancel' satisfies ToUnpacker)
    signal?.addEventListener('abort', cancel)
    try {
      worker.postMessage(order satisfies ToUnpacker)
      const answer = await answerOf(worker)
      this.#rest(worker)
      if (!('failure' in answer)) return answer
      signal?.throwIfAborted()
      throw typeof answer.failure === 'string' ? new Error(answer.failure) : failureFrom(answer.failure)
    } finally {
      signal?.removeEventListener('abort', cancel)
    }
  }

  #rest(worker: Worker): void {
    worker.unref()
    const late = setTimeout(() => {
      this.#idle.delete(worker)
      worker.postMessage('end' satisfies ToUnpacker)
    }, IDLE_MS)
    this.#idle.set(worker, late.unref())
  }
}

function answerOf(worker: Worker): Promise<FromUnpacker> {
  return new Promise((resolve, reject) => {
    const over = () => worker.off('message', heard).off('error', failed).off('exit', left)
    const heard = (answer: FromUnpacker) => {
      over()
      resolve(answer)
    }
    const failed = (error: Error) => {
      over()
      reject(error)
    }
    const left = () => failed(new Error('the thread that unpacks has ended'))
    worker.on('message', heard).on('error', failed).on('exit', left)
  })
}
