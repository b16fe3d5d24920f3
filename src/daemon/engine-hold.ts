/**
 * What the daemon knows of a serving engine, whichever thread it runs on and whichever transport brings its requests.
 */
import type { IndexFacts } from '../index/shared-state.js'
import type { Question } from './engine-messages.js'
import type { Refused } from './places.js'

/** How serving ended: the transport's result (0, or -ENODEV when unmounted), or what the engine died of. */
export type Ending = { readonly result: number } | { readonly crash: string }

export interface EngineHold {
  readonly ended: Promise<Ending>
  /** How the index is, for `inspect`; null where there is none. */
  readonly indexFacts: IndexFacts | null
  /** Asks the serving engine; null when it has ended, cannot answer, or is busy for too long. */
  ask(question: Question): Promise<unknown>
  /** Ends serving after the request in hand. */
  stop(): void
  /** Unmounts what is on `mountpoint`, as `detach` in mounter.ts, from where this engine does not serve. */
  detach(mountpoint: string, lazy: boolean): Promise<number | Refused>
}
