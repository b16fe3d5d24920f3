/**
 * When the writer may read the layers. While somebody goes through the mount, what the writer reads comes from the same disk as what
 * is waited for. So it waits for a lull, though not for ever: there are mounts that are never quiet.
 */
import { Slot } from './shared-state.js'

/** So long nothing has been asked of the layers, or it is no lull. */
export const LULL_MS = 50
/** Longer than this nothing waits for one. */
export const PATIENCE_MS = 5000

export class Lull {
  #asked = -1
  #since = -1

  constructor(private readonly shared: Int32Array) {}

  /**
   * Asked for as long as something is to be read: in how many milliseconds to ask again, and whether to read some of it before. In a
   * lull it is read without pauses, and when patience is at its end with pauses.
   */
  look(now = Date.now()): { readonly go: boolean; readonly pause: number } {
    const asked = Atomics.load(this.shared, Slot.ASKED)
    const isQuiet = asked === this.#asked
    this.#asked = asked
    if (this.#since < 0) this.#since = now
    return { go: isQuiet || now - this.#since >= PATIENCE_MS, pause: isQuiet ? 0 : LULL_MS }
  }

  /** Nothing is to be read any more: the next time patience begins anew. */
  done(): void {
    this.#asked = -1
    this.#since = -1
  }
}
