/** What nobody waits for is done while nobody calls: it would only make calls slower. */
import { setTimeout as sleep } from 'node:timers/promises'

/** Nobody calls when nobody has for so long. */
const SILENCE_MS = 20
/** Where calls never end it is done all the same. */
const PATIENCE_MS = 1_000

export class Quiet {
  #lastCall = Number.NEGATIVE_INFINITY
  #hurried = 0

  /** Somebody calls. */
  heard(): void {
    this.#lastCall = performance.now()
  }

  /** Resolves once it is quiet. */
  async moment(): Promise<void> {
    const late = performance.now() + PATIENCE_MS
    for (let now = performance.now(); this.#hurried === 0 && now < late; now = performance.now()) {
      const left = Math.min(this.#lastCall + SILENCE_MS, late) - now
      if (left <= 0) return
      await sleep(left)
    }
  }

  /** Runs `act`, while which nothing waits for quiet: somebody waits for that. */
  async hurry<T>(act: () => Promise<T>): Promise<T> {
    this.#hurried++
    try {
      return await act()
    } finally {
      this.#hurried--
    }
  }
}
