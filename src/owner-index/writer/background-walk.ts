/**
 * The walk over the whole tree of lower layers while the writer has other work: some milliseconds of it at a time, told
 * to whoever watches, in a lull and with pauses as long unless somebody waits for it. Directories whose rows are there
 * and right are not read again, so that many short mounts complete a large tree, too. Where much was read, a copy is
 * left for other mounts over the same layers.
 */

import type { LowerStack } from '../../stack/lower-stack.js'
import { type RowSink, StoreSink } from '../build/row-sink.js'
import { type Known, TreeWalk } from '../build/tree-walk.js'
import type { DirectoryRows } from '../database/rows.js'
import { publishCopy } from '../database/shared-stacks.js'
import type { IndexFacts } from '../database/shared-state.js'
import { stackIdentity } from '../database/stack-identity.js'
import type { IndexStore } from '../database/store.js'
import type { KnownLayers } from '../layer-rows/known-layers.js'
import type { Commits } from './commits.js'
import { IdleGate, STEP_MS } from './idle-gate.js'

const TELL_MS = 100
const AT_ONCE = { go: true, pause: 0 }
/** Nobody waits for the walk: where it is never quiet it takes a hundredth of the time. */
const BUSY_MS = 99 * STEP_MS
/** With fewer rows it is not published for other mounts: reading the layers again is faster than a copy. */
const PUBLISHED_ROWS = 10_000

/** What a walk needs of the writer. */
interface FillingHost {
  readonly shared: Int32Array
  readonly commits: Commits
  tell(facts: Partial<IndexFacts>): void
}

export class BackgroundWalk implements RowSink {
  readonly replaces = true
  #walk: TreeWalk
  readonly #sink: StoreSink
  readonly #lull: IdleGate
  /** When the progress was told last, ms. */
  #told = 0
  #ended = false
  #timer: NodeJS.Timeout | null = null
  #hurries = false
  #again = false
  /** Rows read before this walk, which began anew. */
  #readBefore = 0

  private constructor(
    private readonly host: FillingHost,
    private readonly stack: LowerStack,
    private readonly store: IndexStore,
    private readonly layers: KnownLayers,
    private readonly known: Known,
  ) {
    this.#sink = new StoreSink(store)
    this.#walk = new TreeWalk(stack, this, layers, known)
    this.#lull = new IdleGate(host.shared, BUSY_MS)
  }

  /** Begins a walk. `known`: which directories need not be read, nor made of `layers`. */
  static begin(
    host: FillingHost,
    stack: LowerStack,
    store: IndexStore,
    layers: KnownLayers,
    known: Known,
  ): BackgroundWalk {
    host.tell({ failed: 0, downgrade: null, filling: { directories: 0, entries: 0, waiting: 1 } })
    const filling = new BackgroundWalk(host, stack, store, layers, known)
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

  /** There is something new where it may have been already: it goes through the tree once more. */
  again(): void {
    this.#again = true
  }

  put(rows: DirectoryRows, parent: number): number {
    this.host.commits.renewed()
    if (this.store.meta('complete') === 1) {
      this.store.begin()
      this.store.setMeta('complete', 0)
      this.host.tell({ complete: false })
    }
    return this.#sink.put(rows, parent)
  }

  flush(): void {
    this.#sink.flush()
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
    if (this.#again) return this.#beginAnew()
    const failed = this.#walk.failures.length
    const complete = failed === 0
    this.host.commits.write(() => this.store.setMeta('complete', complete ? 1 : 0))
    if (this.#ended) return
    this.#ended = true
    this.layers.close()
    // What is read from here on is what has changed: nothing has to be held for it.
    this.stack.cache.close()
    this.host.commits.commit()
    // Pages of the database, a megabyte for ten thousand rows: what is changed from here on needs few.
    this.store.db.pragma('shrink_memory')
    this.host.tell({ complete, filling: null, failed, coverage: this.#coverage() })
    const read = this.#readBefore + this.#walk.read
    if (complete && read >= (this.#hurries ? 1 : PUBLISHED_ROWS)) publishCopy(this.store.db, stackIdentity(this.stack))
  }

  #beginAnew(): void {
    this.#again = false
    this.#readBefore += this.#walk.read
    this.layers.forget()
    this.#walk = new TreeWalk(this.stack, this, this.layers, this.known)
    this.#later(STEP_MS)
  }

  #coverage(): { read: number; found: number } {
    const { directories, waiting, failures } = this.#walk.progress
    return { read: directories, found: directories + waiting + failures.length }
  }

  #tellProgress(): void {
    if (Date.now() - this.#told < TELL_MS) return
    this.#told = Date.now()
    const { directories, entries, waiting } = this.#walk.progress
    this.host.tell({ filling: { directories, entries, waiting }, coverage: this.#coverage() })
  }
}
