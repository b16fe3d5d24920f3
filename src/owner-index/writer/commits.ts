/**
 * When what the writer has written becomes what others read: some changes at a time, a few times a second, so that
 * neither a request nor the disk waits for each of them.
 */
import { Slot, setVerified } from '../database/shared-state.js'
import type { IndexStore } from '../database/store.js'

const COMMIT_MS = 200
const COMMIT_CHANGES = 1000

interface CommitsHost {
  readonly shared: Int32Array
  /** The database that is written to now, if any. */
  store(): IndexStore | null
  /** Hears of what was thrown while it was written or committed. */
  failed(error: unknown): void
}

export class Commits {
  #changes = 0
  #newRows = false
  #timer: NodeJS.Timeout | null = null

  constructor(private readonly host: CommitsHost) {}

  /** `rows` more rows were written. */
  changed(rows: number): void {
    this.#changes += rows
  }

  /** Rows of lower directories have come or are about to: readers are told at the next commit. */
  renewed(): void {
    this.#newRows = true
  }

  /** Runs `work`, which writes; sees to the commit. */
  write(work: () => void): void {
    if (this.host.store() === null) return
    try {
      work()
    } catch (error) {
      return this.host.failed(error)
    }
    if (this.#changes >= COMMIT_CHANGES) this.commit()
    else this.#timer ??= setTimeout(() => this.commit(), COMMIT_MS)
  }

  /** Brings what has been written so far to the readers. */
  commit(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    const store = this.host.store()
    try {
      store?.commit()
    } catch (error) {
      return this.host.failed(error)
    }
    this.#changes = 0
    // Only now: who learns of it finds the new rows.
    for (const id of store?.takeStored() ?? []) setVerified(this.host.shared, id, true)
    if (!this.#newRows) return
    this.#newRows = false
    Atomics.add(this.host.shared, Slot.GENERATION, 1)
  }
}
