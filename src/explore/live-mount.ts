/**
 * A live mount, looked at again and again: the index follows its upper, and what hides what is worked out anew beside
 * the rest. The page and the terminal look through this. Where the kernel tells of a change there is a look at once;
 * now and then there is one at the whole upper, for what nobody tells of.
 */
import { UpperEvents } from './database/upper-events.js'
import { type UpperChange, UpperWatch } from './database/upper-watch.js'
import type { Explorer } from './explorer.js'

/** Looking at the whole takes one part in so many of a processor: where changes are told of, and where not. */
const SHARE = 30
const SHARE_UNTOLD = 5
/** Judging what hides what takes one part in so many. */
const SHARE_JUDGING = 3
/** Between two looks at the whole, in milliseconds, at least. */
const WHOLE_MS = 300

interface Looking {
  readonly events: UpperEvents
  readonly watch: UpperWatch
}

export class LiveMount {
  #looking: Looking | null = null
  #nextWhole = 0
  #isJudged = true
  #judging = false
  #nextJudging = 0

  /** `happened` is called when there is something to look for; once until the next look. */
  constructor(
    private readonly explorer: Explorer,
    private readonly happened: () => void,
  ) {}

  /** What the upper gained and lost since the last look; nothing while it is read first, or where there is none. */
  look(): UpperChange[] {
    this.#looking ??= this.#begin()
    if (this.#looking === null) return []
    const { events, watch } = this.#looking
    const touched = events.take()
    const begun = performance.now()
    const isWhole = begun >= this.#nextWhole
    const changes = isWhole ? watch.look() : touched.size > 0 ? watch.look(touched) : []
    const took = performance.now() - begun
    if (isWhole) this.#nextWhole = begun + Math.max(WHOLE_MS, took * (events.isWhole ? SHARE : SHARE_UNTOLD))
    this.#judge(changes.length > 0)
    return changes
  }

  close(): void {
    this.#looking?.events.close()
  }

  #begin(): Looking | null {
    const { filling, source } = this.explorer
    const top = source.layers.length - 1
    const content = source.layers[top]?.content
    if (source.merged === null || content?.kind !== 'directory' || !content.upper || !filling.isComplete) return null
    const events = new UpperEvents(content.root, this.happened)
    return { events, watch: new UpperWatch(filling, top, content.root, events) }
  }

  /** One judgement at a time; what changes meanwhile is judged after it. */
  #judge(isChanged: boolean): void {
    this.#isJudged &&= !isChanged
    const begun = performance.now()
    if (this.#isJudged || this.#judging || begun < this.#nextJudging) return
    this.#isJudged = true
    this.#judging = true
    void this.explorer.filling
      .judge()
      .catch(() => {})
      .finally(() => {
        this.#judging = false
        this.#nextJudging = begun + (performance.now() - begun) * SHARE_JUDGING
      })
  }
}
