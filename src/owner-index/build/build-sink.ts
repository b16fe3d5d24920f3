/**
 * The database that a build makes. To read a directory takes somewhat longer than to write its rows, so a large tree's
 * rows are written by a second thread while the next directories are read. A small tree is done before such a thread
 * has begun.
 */

import type { StoredRows } from '../database/rows.js'
import type { IndexStore } from '../database/store.js'
import type { RowSink } from './row-sink.js'
import { RowWriterThread } from './row-writer-thread.js'
import { openUnfinished } from './unfinished.js'

/** A tree of so many rows is large. */
const LARGE = 4000

/** Takes rows into a database that holds none yet. */
export class BuildSink implements RowSink {
  readonly replaces = false
  /** The next directory's id. */
  #nextDir = 1
  #store: IndexStore
  #thread: RowWriterThread | null = null
  #rows = 0

  constructor(private readonly path: string) {
    this.#store = openUnfinished(path)
  }

  put(rows: StoredRows, parent: number): number {
    const id = this.#nextDir++
    if (this.#thread !== null) this.#thread.take(id, rows, parent)
    else this.#putHere(id, rows, parent)
    return id
  }

  flush(): void {
    if (this.#thread !== null) this.#thread.flush()
    else this.#store.commit()
  }

  /** Resolves when there is room for more. Throws what has gone wrong with rows that were put. */
  async room(): Promise<void> {
    await this.#thread?.room()
  }

  /** Resolves, when every row is written, with the database. */
  async end(): Promise<IndexStore> {
    this.flush()
    if (this.#thread === null) return this.#store
    await this.#thread.end()
    this.#thread = null
    this.#store = openUnfinished(this.path)
    return this.#store
  }

  /** Lets go of everything, whatever is unfinished. */
  async close(): Promise<void> {
    await this.#thread?.abandon()
    this.#store.close()
  }

  #putHere(id: number, rows: StoredRows, parent: number): void {
    this.#store.begin()
    this.#store.insert(id, rows, parent)
    this.#rows += rows.names.length + 1
    if (this.#rows < LARGE) return
    this.#store.commit()
    this.#store.close()
    this.#thread = new RowWriterThread(this.path)
  }
}
