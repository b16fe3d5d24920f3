/**
 * The walk over the whole tree of lower layers while the writer has other work: some milliseconds of it at a time, told to whoever
 * watches, in a lull and with pauses as long unless somebody waits for it, and in the end a copy for other mounts over the same
 * layers.
 */
import { TreeWalk } from './builder.js'
import type { Commits } from './commits.js'
import type { LowerStack } from './lower-stack.js'
import { Lull, STEP_MS } from './lull.js'
import { StoreSink } from './row-sink.js'
import { publishCopy } from './shared-stacks.js'
import type { IndexFacts } from './shared-state.js'
import { stackIdentity } from './stack-identity.js'
import type { IndexStore } from './store.js'

const TELL_MS = 100
const AT_ONCE = { go: true, pause: 0 }

/** What a walk needs of the writer. */
export interface FillingHost {
  readonly shared: Int32Array
  readonly commits: Commits
  tell(facts: Partial<IndexFacts>): void
}

export class Filling {
  readonly #walk: TreeWalk
  readonly #lull: Lull
  /** When the progress was told last, ms. */
  #told = 0
  #ended = false
  #timer: NodeJS.Timeout | null = null
  #hurries = false

  private constructor(
    private readonly host: FillingHost,
    private readonly stack: LowerStack,
    private readonly store: IndexStore,
  ) {
    this.#walk = new TreeWalk(stack, new StoreSink(store))
    this.#lull = new Lull(host.shared)
  }

  /** Begins a walk; null where everything has been read. */
  static begin(host: FillingHost, stack: LowerStack, store: IndexStore): Filling | null {
    if (store.meta('complete') === 1) return null
    host.tell({ failed: 0, downgrade: null, filling: { directories: 0, entries: 0, waiting: 1 } })
    const filling = new Filling(host, stack, store)
    setImmediate(() => filling.#on())
    return filling
  }

  /** Whether there is anything left to be done. */
  get isUnderWay(): boolean {
    return !this.#ended
  }

  /** Somebody waits for it: it goes on without pauses. */
  hurry(): void {
    this.#hurries = true
  }

  /** Ends it where it is. */
  stop(): void {
    this.#ended = true
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #on(): void {
    if (this.#ended) return
    const { go, pause } = this.#hurries ? AT_ONCE : this.#lull.look()
    if (!go) return this.#later(pause)
    this.host.commits.renewed()
    let done = false
    this.host.commits.write(() => {
      done = this.#walk.step(STEP_MS)
    })
    // An error may have ended it.
    if (this.#ended) return
    this.#tellProgress()
    if (done) this.#finish()
    else if (this.#hurries) setImmediate(() => this.#on())
    else this.#later(Math.max(STEP_MS, pause))
  }

  #later(milliseconds: number): void {
    this.#timer = setTimeout(() => this.#on(), milliseconds)
  }

  #finish(): void {
    const failed = this.#walk.failures.length
    const complete = failed === 0
    this.host.commits.write(() => this.store.setMeta('complete', complete ? 1 : 0))
    if (this.#ended) return
    this.#ended = true
    this.host.commits.commit()
    this.host.tell({ complete, filling: null, failed })
    if (complete) publishCopy(this.store.db, stackIdentity(this.stack))
  }

  #tellProgress(): void {
    if (Date.now() - this.#told < TELL_MS) return
    this.#told = Date.now()
    const { directories, entries, waiting } = this.#walk.progress
    this.host.tell({ filling: { directories, entries, waiting } })
  }
}
