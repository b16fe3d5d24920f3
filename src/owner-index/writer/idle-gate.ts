/**
 * When the writer may read the layers. While somebody goes through the mount, what the writer reads comes from the same disk as what
 * is waited for. So it waits for a lull, though not for ever: there are mounts that are never quiet.
 */
import { Slot } from '../database/shared-state.js'

/** So long no request came, and none was being served, or it is no lull. */
export const LULL_MS = 50
/** How long the writer reads at a time, before its messages are looked at. */
export const STEP_MS = 20
/** After so many looks in vain, 5 s, it is not waited for any longer. */
export const PATIENCE = 100
/** After that a step is made so often: a twentieth of the time. */
export const BUSY_PAUSE_MS = 19 * STEP_MS

export class IdleGate {
  #turns = -1
  #inVain = 0

  /** `busyPause`: milliseconds between two steps where it is never quiet. */
  constructor(
    private readonly shared: Int32Array,
    private readonly busyPause = BUSY_PAUSE_MS,
  ) {}

  /**
   * Asked for as long as something is to be read: in how many milliseconds to ask again, and whether to read some of it before. In a
   * lull it is read without pauses, and when patience is at its end with long ones.
   */
  look(): { readonly go: boolean; readonly pause: number } {
    const turns = Atomics.load(this.shared, Slot.TURNS)
    const isQuiet = turns === this.#turns && turns % 2 === 0
    this.#turns = turns
    this.#inVain = isQuiet ? 0 : this.#inVain + 1
    if (isQuiet) return { go: true, pause: 0 }
    return this.#inVain > PATIENCE ? { go: true, pause: this.busyPause } : { go: false, pause: LULL_MS }
  }

  /** Nothing is to be read any more: the next time patience begins anew. */
  done(): void {
    this.#turns = -1
    this.#inVain = 0
  }
}
