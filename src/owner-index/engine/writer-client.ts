/**
 * What the engine tells the index's writer, no more often than it has to: each directory that is to be read once, the
 * upper's changes some hundred at a time, an edited layer at its first sign.
 */

import { Slot, type ToWriter, type VisitReason } from '../database/shared-state.js'
import { KEPT_VIEWS } from './view-cache.js'

/** Changes held back at most. */
const HELD_BACK = 256

export interface ToldWriterOptions {
  readonly shared: Int32Array
  readonly post: (message: ToWriter) => void
  /** A layer was found edited, for the first time in this mount. */
  readonly edited: (layer: number, path: string) => void
}

export class WriterClient {
  readonly #posted = new Set<string>()
  readonly #editedLayers = new Set<number>()
  #touched: string[] = []
  #came: string[] = []

  constructor(private readonly options: ToldWriterOptions) {}

  /** Has the directory at `path` read, once. */
  visit(path: string, why: VisitReason = 'absent'): void {
    if (this.#isFirst(path)) this.options.post({ kind: 'visit', path, edited: [], why })
  }

  /**
   * Has the directory at `path` read again, once for each `key`, for its rows are wrong. `edited`: layers seen to be
   * other than theirs.
   */
  reread(key: string, path: string, edited: readonly number[]): void {
    if (this.#isFirst(key)) this.options.post({ kind: 'visit', path, edited: [...edited], why: 'stale' })
  }

  #isFirst(key: string): boolean {
    if (this.#posted.has(key)) return false
    if (this.#posted.size > KEPT_VIEWS) this.#posted.clear()
    this.#posted.add(key)
    return true
  }

  /** `layer` has been edited, as seen at `path`. */
  edited(layer: number, path: string): void {
    if (this.#editedLayers.has(layer)) return
    this.#editedLayers.add(layer)
    this.options.edited(layer, path)
  }

  /** Something of the upper at `path` has changed. */
  touched(path: string): void {
    this.#touched.push(path)
    if (this.#touched[this.#touched.length - 2] === path) this.#touched.pop()
    if (this.#touched.length >= HELD_BACK) this.flush()
    else Atomics.store(this.options.shared, Slot.PENDING, 1)
  }

  /** Somebody came by the directory at `path`, which is to have rows, though nobody waits for them. */
  came(path: string): void {
    this.#came.push(path)
    if (this.#came.length >= HELD_BACK) this.flush()
    else Atomics.store(this.options.shared, Slot.PENDING, 1)
  }

  /** Tells what has been held back. */
  flush(): void {
    Atomics.store(this.options.shared, Slot.PENDING, 0)
    if (this.#came.length > 0) this.options.post({ kind: 'came', paths: this.#came })
    this.#came = []
    if (this.#touched.length === 0) return
    this.options.post({ kind: 'touched', paths: this.#touched })
    this.#touched = []
  }

  /** Another database: what was to be read is to be read again. */
  forget(): void {
    this.#posted.clear()
  }
}
