/**
 * The directories that the engine has come by and that are still to be read: they wait for a lull, and are read some
 * milliseconds at a time, so that the writer's messages are not kept waiting either.
 */
import { IdleGate, LULL_MS, STEP_MS } from './idle-gate.js'

export class ReadQueue {
  readonly #paths = new Set<string>()
  readonly #lull: IdleGate
  #timer: NodeJS.Timeout | null = null

  /** `read`: has these directories read, which must not throw; `shared`: what the engine counts in. */
  constructor(
    shared: Int32Array,
    private readonly read: (paths: Iterable<string>) => void,
  ) {
    this.#lull = new IdleGate(shared)
  }

  get size(): number {
    return this.#paths.size
  }

  /** The directory at `path` is to be read, again where it was read. */
  add(path: string): void {
    this.#paths.add(path)
    this.#timer ??= setTimeout(() => this.#look(), LULL_MS)
  }

  /** Forgets all of them. */
  clear(): void {
    this.#paths.clear()
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#lull.done()
  }

  /** Does not wait any longer, and has them read for about `milliseconds`. */
  readNow(milliseconds: number): void {
    if (this.#paths.size > 0) this.read(this.#taken(milliseconds))
  }

  #look(): void {
    this.#timer = null
    const { go, pause } = this.#lull.look()
    if (go) this.read(this.#taken(STEP_MS))
    if (this.#paths.size === 0) this.#lull.done()
    else this.#timer ??= setTimeout(() => this.#look(), pause)
  }

  /** Those that wait, in their order, for about `milliseconds`. */
  *#taken(milliseconds: number): Generator<string> {
    const end = Date.now() + milliseconds
    for (const path of this.#paths) {
      this.#paths.delete(path)
      yield path
      if (Date.now() >= end) return
    }
  }
}
