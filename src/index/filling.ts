/**
 * The walk over the whole tree of lower layers while the writer has other work: some milliseconds of it at a time, told to whoever
 * watches, with pauses as long unless somebody waits for it, and in the end a copy for other mounts over the same layers.
 */
import { TreeWalk } from './builder.js'
import type { LowerStack } from './lower-stack.js'
import { StoreSink } from './row-sink.js'
import { publishCopy } from './shared-stacks.js'
import type { IndexFacts } from './shared-state.js'
import { stackIdentity } from './stack-identity.js'
import type { IndexStore } from './store.js'

/** How long the walk works before messages are looked at. */
const STEP_MS = 20
const TELL_MS = 100

/** What a walk needs of the writer. */
export interface FillingHost {
  /** Runs what writes to the database, and sees to errors and the commit. */
  write(work: () => void): void
  /** Rows have come or are about to: readers are told at the next commit. */
  renewed(): void
  commit(): void
  tell(facts: Partial<IndexFacts>): void
}

export class Filling {
  readonly #walk: TreeWalk
  /** When the progress was told last, ms. */
  #told = 0
  #ended = false
  #hurries = false

  private constructor(
    private readonly host: FillingHost,
    private readonly stack: LowerStack,
    private readonly store: IndexStore,
  ) {
    this.#walk = new TreeWalk(stack, new StoreSink(store))
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
  }

  #on(): void {
    if (this.#ended) return
    this.host.renewed()
    let done = false
    this.host.write(() => {
      done = this.#walk.step(STEP_MS)
    })
    // An error may have ended it.
    if (this.#ended) return
    this.#tellProgress()
    if (done) this.#finish()
    else if (this.#hurries) setImmediate(() => this.#on())
    else setTimeout(() => this.#on(), STEP_MS)
  }

  #finish(): void {
    const failed = this.#walk.failures.length
    const complete = failed === 0
    this.host.write(() => this.store.setMeta('complete', complete ? 1 : 0))
    if (this.#ended) return
    this.#ended = true
    this.host.commit()
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
