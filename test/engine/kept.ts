/** What outlives an engine, and engines over it: the one that dies, and those that follow. No mount is involved. */
import { StratafsError } from '../../src/base/failure.js'
import { createEngine, type Engine } from '../../src/operations/engine.js'
import { native } from '../../src/syscalls/native.js'
import type { UnionConfig } from '../../src/union/context/config.js'
import type { DataModeAgreed } from '../../src/union/context/results.js'
import { StateMemory } from '../../src/union/state/memory.js'
import { unbound } from './session.js'

const PASSING = { passthrough: true, noOpen: false, writeback: false }

export class Kept {
  readonly #state = native.memfd()
  readonly #pair = new Int32Array(2)
  /** Backing ids that are open. */
  readonly backings = new Set<number>()
  #lastBacking = 0

  constructor() {
    native.socketPair(true, this.#pair)
    this.memory().begin()
  }

  memory(): StateMemory {
    const memory = StateMemory.map(this.#state)
    if (typeof memory === 'number') throw new Error(`no memory: errno ${-memory}`)
    return memory
  }

  /** One that serves, by passthrough where `terms` say nothing else; `resumed`: another one has before. */
  engine(config: UnionConfig, resumed: boolean, terms: DataModeAgreed = PASSING): Engine {
    const binding = {
      ...unbound,
      openBacking: () => {
        this.backings.add(++this.#lastBacking)
        return this.#lastBacking
      },
      closeBacking: (id: number) => void this.backings.delete(id),
    }
    const state = { memory: this.memory(), into: this.#pair[0]!, from: this.#pair[1]! }
    const engine = createEngine({ ...config, resumed }, binding, () => undefined, state)
    if (engine instanceof StratafsError) throw new Error(engine.message)
    engine.operations.begin(terms)
    if (resumed) engine.resume({ comesAgain: false })
    return engine
  }

  close(): void {
    for (const fd of [this.#state, ...this.#pair]) native.close(fd)
  }
}
