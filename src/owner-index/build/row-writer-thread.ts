/**
 * The second thread of a build, seen from the first: rows go to it in batches, and it says when a batch is written. So
 * much is under way at most as is read in one step of the walk and a few batches more.
 */
import { Worker } from 'node:worker_threads'
import type { StoredRows } from '../database/rows.js'
import { type FromStoring, memoryOf, type NumberedRows, packRows, type ToStoring } from './row-batches.js'

/** Rows in a batch, or those of a directory more. */
const BATCH_ROWS = 2000
/** Batches that may be under way when more is read. */
const UNDER_WAY = 4
const DIED = 'the thread that writes it has died'

function failure(words: string, code: string): Error {
  return Object.assign(new Error(words), { code })
}

export class RowWriterThread {
  readonly #worker: Worker
  readonly #exited: Promise<void>
  #batch: NumberedRows[] = []
  #rows = 0
  #underWay = 0
  #failure: Error | null = null
  #ended = false
  /** Called when there is news. */
  #wake = (): void => {}

  /** Writes into the database at `path`, which nobody else has open. */
  constructor(path: string) {
    this.#worker = new Worker(new URL('./build-worker.cjs', import.meta.url), { workerData: { path }, name: 'index' })
    this.#exited = new Promise((resolve) => {
      this.#worker.on('exit', () => {
        if (!this.#ended) this.#failure ??= failure(DIED, DIED)
        this.#wake()
        resolve()
      })
    })
    this.#worker.on('error', (error) => this.#failed(error as Error))
    this.#worker.on('message', (message: FromStoring) => {
      if ('error' in message) return this.#failed(failure(message.error, message.code))
      this.#underWay--
      this.#wake()
    })
  }

  /** Has the rows of directory `id` written, some time. */
  take(id: number, rows: StoredRows, parent: number): void {
    this.#batch.push({ id, parent, rows })
    this.#rows += rows.names.length + 1
    if (this.#rows >= BATCH_ROWS) this.flush()
  }

  /** Sends what has been taken. */
  flush(): void {
    if (this.#batch.length === 0) return
    const sent = packRows(this.#batch)
    this.#worker.postMessage(sent satisfies ToStoring, memoryOf(sent))
    this.#underWay++
    this.#batch = []
    this.#rows = 0
  }

  /** Resolves when little is under way; throws what has gone wrong. */
  async room(): Promise<void> {
    await this.#until(UNDER_WAY)
  }

  /** Resolves when everything is written and the database closed. */
  async end(): Promise<void> {
    this.flush()
    await this.#until(0)
    this.#ended = true
    this.#worker.postMessage(null satisfies ToStoring)
    await this.#exited
    if (this.#failure !== null) throw this.#failure
  }

  /** Ends the thread where it is. */
  async abandon(): Promise<void> {
    this.#ended = true
    await this.#worker.terminate()
  }

  #failed(error: Error): void {
    this.#failure ??= error
    this.#wake()
  }

  async #until(underWay: number): Promise<void> {
    while (this.#failure === null && this.#underWay > underWay) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    if (this.#failure !== null) throw this.#failure
  }
}
