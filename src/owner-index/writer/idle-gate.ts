/**
 * When the writer may read the layers. What it reads comes from the disk that the mount's users wait for. So it waits
 * until the mount is idle, but not for ever, since some mounts never are.
 */
import { Slot } from '../database/shared-state.js'

/** The mount is idle after this long without a request, in milliseconds. */
export const LULL_MS = 50
/** How long the writer reads at a time before it looks at its messages. */
export const STEP_MS = 20
/** After this many looks in vain (5 s) the writer reads although the mount is busy. */
export const PATIENCE = 100
/** The pause between two steps in a busy mount: it reads for a twentieth of the time. */
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
   * Asked for as long as something is to be read: in how many milliseconds to ask again, and whether to read some of it
   * before. In a lull it is read without pauses, and when patience is at its end with long ones.
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
