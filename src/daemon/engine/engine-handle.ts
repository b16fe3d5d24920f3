/**
 * What the daemon knows of a serving engine, whichever thread it runs on and whichever transport brings its requests.
 */

import type { StratafsError } from '../../base/failure.js'
import type { Question } from './engine-messages.js'
import type { IndexThread } from './index-thread.js'

/** How serving ended: the transport's result (0, or -ENODEV when unmounted), or what the engine died of. */
export type Ending = { readonly result: number } | { readonly crash: string }

/** An engine that serves nothing. */
export interface Held {
  /** Lets it serve again; false when its time was over before. */
  release(): boolean
}

export interface EngineHandle {
  readonly ended: Promise<Ending>
  /** A kernel overlay lies above what it serves, and has the upper. */
  readonly isHybrid?: boolean
  /** The index of owners; null where the mount has none. */
  readonly index: IndexThread | null
  /**
   * Asks the serving engine; null when it has ended, cannot answer, or is busy for too long. `patient`: it is waited
   * for as long as it lives.
   */
  ask(question: Question, patient?: boolean): Promise<unknown>
  /** `fd` leads to its upper from now on. */
  upperIs?(fd: number): void
  /** Writes a notification to the kernel, beside the engine; false where it did not take it. */
  notify?(message: Uint8Array): Promise<boolean>
  /**
   * Lets the engine finish the request in hand and serve no other, for at most so many milliseconds: what lies in the
   * upper stays as it is, but for writes that the kernel hands to files by itself. Null where that cannot be had now.
   */
  hold(milliseconds: number): Promise<Held | null>
  /** Ends serving after the request in hand. */
  stop(): void
  /** Unmounts what is on `mountpoint`, as `detach` in mounter.ts, from where this engine does not serve. */
  detach(mountpoint: string, lazy: boolean): Promise<number | StratafsError>
}
