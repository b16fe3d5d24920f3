/**
 * What the main thread and the engine's thread say to each other. The engine's thread never waits for an answer, and it
 * reads only when it was woken: while it serves it is in one native call, not in its event loop.
 */
import type { Level } from '../base/log.js'
import type { UnionConfig } from '../union/config.js'

/** What an engine's thread is started with. */
export interface EngineStart {
  readonly config: UnionConfig
  /** Seconds for which the kernel may believe an answer; null: for ever. */
  readonly timeout: number | null
  readonly trace: boolean
  /** The eventfd that wakes the loop. */
  readonly wakeFd: number
}

/** What can be asked of a serving engine. `path` is relative to the mount's root, latin1. */
export type Question =
  | { readonly what: 'describe' }
  | { readonly what: 'counters' }
  | { readonly what: 'which'; readonly path: string }

export type ToEngine =
  | { readonly kind: 'serve'; readonly fd: number }
  | { readonly kind: 'ask'; readonly id: number; readonly question: Question }
  | { readonly kind: 'stop' }

export type FromEngine =
  /** The layers are open, or why they cannot be. */
  | { readonly kind: 'built'; readonly refusal: string | null }
  | { readonly kind: 'serving' }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'log'; readonly level: Level; readonly message: string; readonly fields: Record<string, unknown> }
  | { readonly kind: 'trace'; readonly line: string }
  /** As `serve` in transport/dev-fuse returned; everything has been synced and released. */
  | { readonly kind: 'ended'; readonly result: number }
