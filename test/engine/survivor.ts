/**
 * An engine whose death is survived, without a mount: when it is ended within a request, another one goes on with what
 * it left in shared memory, and the request is made again, as the kernel would send it again. Whoever asks sees one
 * engine that never ended.
 */
import { StratafsError } from '../../src/base/failure.js'
import type { Operations } from '../../src/operations/contract.js'
import { createEngine, type Engine } from '../../src/operations/engine.js'
import { keepForgets } from '../../src/operations/resume.js'
import { native } from '../../src/syscalls/native.js'
import type { UnionConfig } from '../../src/union/context/config.js'
import { StateMemory } from '../../src/union/state/memory.js'
import { unbound } from './session.js'

/** Thrown where an engine is ended. */
export class Ended extends Error {}

export class Survivor {
  /** Every operation that was carried out to its end loses its answer once, and is asked for again. */
  losesAnswers = false
  /** Told before another engine begins. */
  onDeath: () => void = () => {}
  deaths = 0
  #engine: Engine
  #unique = 2
  readonly #state = native.memfd()
  readonly #pair = new Int32Array(2)

  constructor(private readonly config: UnionConfig) {
    native.socketPair(true, this.#pair)
    this.#map().begin()
    this.#engine = this.#start(false)
  }

  #map(): StateMemory {
    const memory = StateMemory.map(this.#state)
    if (typeof memory === 'number') throw new Error(`no memory: errno ${-memory}`)
    return memory
  }

  #start(resumed: boolean): Engine {
    const kept = { memory: this.#map(), into: this.#pair[0]!, from: this.#pair[1]! }
    const engine = createEngine({ ...this.config, resumed }, unbound, () => undefined, kept)
    if (engine instanceof StratafsError) throw new Error(engine.message)
    return engine
  }

  /** The engine as a program sees it. */
  get operations(): Operations {
    return new Proxy({} as Operations, {
      get: (_none, name: keyof Operations) => {
        const found = this.#engine.operations[name]
        return typeof found === 'function' ? (...args: unknown[]) => this.#call(name, args) : found
      },
    })
  }

  #call(name: keyof Operations, args: unknown[]): unknown {
    const { journal } = this.#engine.ledger!
    const unique = this.#unique
    this.#unique += 2
    journal.begin(unique, 0, 1)
    try {
      const result = invoke(this.#engine.operations, name, args)
      journal.done()
      if (!this.losesAnswers || name === 'forget') return result
    } catch (error) {
      if (!(error instanceof Ended)) throw error
    }
    return this.#again(unique, name, args)
  }

  /** The engine is dead; another one takes its place and gets the request again. */
  #again(unique: number, name: keyof Operations, args: unknown[]): unknown {
    this.deaths++
    this.onDeath()
    this.#engine = this.#start(true)
    const isForget = name === 'forget'
    if (isForget) keepForgets(this.#engine.ledger!, { low: unique, high: 0, pairs: [args as [number, number]] }, true)
    const done = this.#engine.resume({ comesAgain: !isForget })
    if (isForget) return undefined
    const { journal } = this.#engine.ledger!
    if (done !== null) journal.isAgain = true
    journal.begin(unique, 0x8000_0000, 1)
    const result = invoke(done ?? this.#engine.operations, name, args)
    journal.done()
    return result
  }

  /** Nodes, names and listings that the kernel is still believed to know. */
  get remembered(): number {
    const { slots } = this.#engine.ledger!
    let count = 0
    for (let slot = 1; slot < slots.end; slot++) if (slots.id(slot) > 0) count++
    return count
  }

  close(): void {
    this.#engine.close()
    for (const fd of [this.#state, ...this.#pair]) native.close(fd)
  }
}

function invoke(operations: Operations, name: keyof Operations, args: unknown[]): unknown {
  return (operations[name] as (...all: unknown[]) => unknown)(...args)
}
