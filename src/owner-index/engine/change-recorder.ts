/**
 * What the engine has to say for the change log: collected for a moment, so that a program that writes a file bit by
 * bit is one change, and told to the writer in batches. A writer that cannot follow makes the log incomplete, never
 * the mount slow: what it would have to be told then is counted, and the log says how much is missing.
 */
import { ChangeKind, type ChangeRow, lostRow } from '../database/change-log.js'
import { Slot, type ToWriter } from '../database/shared-state.js'

/** Changes told at a time, and how many may be on their way to the writer. */
const BATCH = 256
const MOST_UNDERWAY = 16_384

/** Who asked for something. */
export interface Who {
  readonly uid: number
  readonly pid: number
}

interface RecorderOptions {
  readonly shared: Int32Array
  readonly post: (message: ToWriter) => void
}

export class ChangeRecorder {
  /** Who asks for what is being served; null: nobody is known. Set by whoever serves. */
  who: () => Who | null = () => null
  #rows: ChangeRow[] = []
  /** Paths that are in `#rows` as created or changed: a further change of them is none. */
  readonly #fresh = new Set<string>()
  #posted = 0
  #lost = 0

  constructor(private readonly options: RecorderOptions) {}

  /** `other`: the new path of a rename. */
  record(kind: number, path: string, other: string | null = null, who: Who | null = this.who()): void {
    if (kind === ChangeKind.CHANGED && this.#fresh.has(path)) return
    if (kind === ChangeKind.CREATED || kind === ChangeKind.CHANGED) this.#fresh.add(path)
    else this.#forget(path, other)
    // Nobody's: a page that the kernel hands over late, or a process that this one cannot see.
    const { uid, pid } = who === null || who.pid === 0 ? { uid: null, pid: null } : who
    this.#rows.push({ time: Date.now(), kind, path, other, uid, pid, count: null })
    if (this.#rows.length >= BATCH) this.flush()
    else Atomics.store(this.options.shared, Slot.PENDING, 1)
  }

  /** What is renamed or removed may come anew; so may all that lies in it. */
  #forget(path: string, other: string | null): void {
    this.#fresh.delete(path)
    if (other !== null) this.#fresh.clear()
  }

  /** The tree is another one all at once: what is different is not in the log. */
  jump(): void {
    this.#rows.push(lostRow(null))
    this.flush()
  }

  /** After the last change: the writer may finish. */
  end(): void {
    this.options.post({ kind: 'end' })
  }

  /** Tells what has been collected; `now`: it is to be in the database at once. What Slot.LOGGED will be then. */
  flush(now = false): number {
    if (this.#rows.length === 0 && !now) return this.#posted
    const rows = this.#rows
    this.#rows = []
    this.#fresh.clear()
    const underway = (this.#posted - Atomics.load(this.options.shared, Slot.LOGGED)) | 0
    if (underway > MOST_UNDERWAY) {
      this.#lost += rows.length
      return this.#posted
    }
    if (this.#lost > 0) rows.unshift(lostRow(this.#lost))
    this.#lost = 0
    this.#posted = (this.#posted + rows.length + 1) | 0
    this.options.post({ kind: 'changes', rows, now })
    return this.#posted
  }
}
