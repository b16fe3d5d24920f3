/**
 * The engine's thread before it knows what to build. Loading its modules takes most of a mount's start. So a process
 * that is going to serve starts this thread first, and reads its order meanwhile.
 */
import { Worker, type WorkerOptions } from 'node:worker_threads'
import { WORKER_LIMITS } from './worker-limits.js'

let early: Worker | null = null

/**
 * Begins the thread that `takeEngineThread` will hand out. The process has no output: it is spared the making of its
 * streams.
 */
export function beginEngineThread(): void {
  early ??= newThread({ stdout: true, stderr: true })
}

/** The thread that was begun, or a new one. Its first message says what to build. */
export function takeEngineThread(): Worker {
  const thread = early ?? newThread()
  early = null
  return thread
}

function newThread(output: WorkerOptions = {}): Worker {
  return new Worker(new URL('./engine-worker.cjs', import.meta.url), {
    name: 'engine',
    resourceLimits: WORKER_LIMITS,
    ...output,
  })
}
