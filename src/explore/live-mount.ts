/**
 * A live mount, looked at again and again: the index follows its upper, and what hides what is worked out anew beside
 * the rest. The page and the terminal look through this.
 */
import { type UpperChange, UpperWatch } from './database/upper-watch.js'
import type { Explorer } from './explorer.js'

/** Looking takes one part in so many of a processor. */
const SHARE = 5

export class LiveMount {
  #watch: UpperWatch | null = null
  #next = 0
  #isJudged = true
  #judging = false

  constructor(private readonly explorer: Explorer) {}

  /** What the upper gained and lost since the last look; nothing while it is read first, or where there is none. */
  look(): UpperChange[] {
    const { filling, source } = this.explorer
    const top = source.layers.length - 1
    const content = source.layers[top]?.content
    if (source.merged === null || content?.kind !== 'directory' || !content.upper || !filling.isComplete) return []
    const begun = performance.now()
    if (begun < this.#next) return []
    this.#watch ??= new UpperWatch(filling, top, content.root)
    const changes = this.#watch.look()
    this.#next = begun + (performance.now() - begun) * SHARE
    this.#judge(changes.length > 0)
    return changes
  }

  /** One judgement at a time; what changes meanwhile is judged after it. */
  #judge(isChanged: boolean): void {
    this.#isJudged &&= !isChanged
    if (this.#isJudged || this.#judging) return
    this.#isJudged = true
    this.#judging = true
    void this.explorer.filling
      .judge()
      .catch(() => {})
      .finally(() => {
        this.#judging = false
      })
  }
}
