/**
 * What the main thread and the engine's thread say to each other. The engine's thread never waits for an answer, and it
 * reads only when it was woken: while it serves it is in one native call, not in its event loop.
 */
import type { MessagePort } from 'node:worker_threads'
import type { FailureRecord } from '../../base/failure.js'
import type { Level } from '../../base/log.js'
import type { LimitChange } from '../../operations/change-limit.js'
import type { Restacked, RestackOrder, RestoreOrder } from '../../operations/engine.js'
import type { MergePlan } from '../../snapshots/merge-plan.js'
import type { LowerStackConfig } from '../../stack/lower-stack.js'
import type { UnionConfig } from '../../union/context/config.js'
import type { EngineKept } from '../keeper/kept-mount.js'
import type { AwakeRequest, BegunConnection } from '../options/mount-settings.js'

/** What an engine is built from. */
export interface EngineStart {
  readonly config: UnionConfig
  /** Seconds for which the kernel may believe an answer; null: for ever. */
  readonly timeout: number | null
  readonly trace: boolean
  /** Whether idle processors are kept from halting in busy times. */
  readonly awake: AwakeRequest
  /** The index of owners, or null where there is none. */
  readonly index: EngineIndex | null
  /** What the next process will need; null: the mount ends with this one. */
  readonly kept: EngineKept | null
}

/** What the engine's thread needs to use the index. */
export interface EngineIndex {
  /** The database; null: the one shared by all mounts over these layers, when there is one. */
  readonly path: string | null
  readonly immutable: boolean
  readonly shared: Int32Array
  /** When the mount began, in ms. */
  readonly since: number
  /** To the writer; null where nobody writes. */
  readonly port: MessagePort | null
  /** The writer keeps the change log, and the database answers for nothing. */
  readonly logOnly: boolean
}

/** Entries told in one answer about owners: nobody else is served meanwhile. */
export const OWNERS_PER_ANSWER = 500

/** What can be asked of a serving engine. `path` is relative to the mount's root, latin1. */
export type Question =
  | { readonly what: 'describe' }
  | { readonly what: 'counters' }
  | { readonly what: 'which'; readonly path: string }
  | { readonly what: 'owners'; readonly path: string; readonly after: number }
  /** What has been recorded is to come into the database. */
  | { readonly what: 'changelog' }
  | { readonly what: 'limit'; readonly change: LimitChange }
  /**
   * Puts aside what changes the tree, until `freeze` or `resume`; false where the mount is held, or drained already.
   */
  | { readonly what: 'drain' }
  | { readonly what: 'resume' }
  /** Whether anything is still being copied up, which goes on without a pause then. */
  | { readonly what: 'settle' }
  /** How much has been written since `drain`, as a number that only grows. */
  | { readonly what: 'written' }
  /**
   * Freezes the upper; a FreezeAnswer. `stays`: what was put aside waits on, until `restore` or `resume`. `written`: it
   * is frozen only where no more than that has been written; null: however much.
   */
  | {
      readonly what: 'freeze'
      readonly id: number
      readonly name: string
      readonly stays: boolean
      readonly written: number | null
    }
  /** Makes one of two snapshots' layers; a MergeAnswer. */
  | { readonly what: 'merge'; readonly plan: MergePlan }
  /** Goes back to a snapshot; a RestoreAnswer. */
  | { readonly what: 'restore'; readonly order: RestoreOrder }
  /** Puts the mount on other lower layers; a RestackAnswer. */
  | { readonly what: 'restack'; readonly order: RestackOrder }

/** Words are latin1. */
export type FreezeAnswer =
  | { readonly copied: readonly string[]; readonly unfinished: boolean; readonly milliseconds: number }
  | { readonly refusal: FailureRecord }
  /** More was written, nothing has been done, and what was put aside waits on. */
  | { readonly again: true }

export type MergeAnswer = { readonly milliseconds: number } | { readonly refusal: FailureRecord }

/** `names`: those in the root before and after, where the order asks for them. Words are latin1. */
export type RestoreAnswer =
  | { readonly names: readonly string[]; readonly upperFd: number }
  | { readonly refusal: FailureRecord }

/** Words are latin1. */
export type RestackAnswer = Restacked | { readonly refusal: FailureRecord }

/** What is said of one mount to the thread that serves it. */
export type ToMount =
  /** The first message. */
  | { readonly kind: 'build'; readonly start: EngineStart }
  /** `begun`: INIT has been answered, and one request was read. */
  | { readonly kind: 'serve'; readonly fd: number; readonly begun: BegunConnection | null }
  | { readonly kind: 'ask'; readonly id: number; readonly question: Question }
  /** Serve nothing until `release`. */
  | { readonly kind: 'hold' }
  | { readonly kind: 'release' }
  | { readonly kind: 'stop' }
  /** After `over`: sync what is left, and release everything. */
  | { readonly kind: 'close'; readonly isSynced: boolean }
  /** Of no mount: is the thread alive? */
  | { readonly kind: 'probe' }
  /** Before any mount: what a mount does first is done once (resume-serving.ts), and then a sign of life is given. */
  | { readonly kind: 'rehearse'; readonly start: EngineStart | null }
  /** Of no mount: collect what earlier ones left, in the next lull. */
  | { readonly kind: 'give-back' }

/** `mount`: its number, from 1. */
export type ToEngine = ToMount & { readonly mount: number }

export type FromMount =
  /** The layers are open, or why they cannot be. */
  | { readonly kind: 'built'; readonly refusal: FailureRecord }
  | { readonly kind: 'built'; readonly refusal: null; readonly stack: LowerStackConfig; readonly upperFd: number }
  | { readonly kind: 'serving' }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  /** Before `held`: files are still being copied up, which takes its time. */
  | { readonly kind: 'settling' }
  /** Nothing is served from here on. */
  | { readonly kind: 'held' }
  | { readonly kind: 'log'; readonly level: Level; readonly message: string; readonly fields: Record<string, unknown> }
  | { readonly kind: 'trace'; readonly line: string }
  | { readonly kind: 'alive' }
  /** The connection has ended with this; nothing has been synced or released yet. */
  | { readonly kind: 'over'; readonly result: number }
  /** As `over` said; everything has been synced and released. */
  | { readonly kind: 'ended'; readonly result: number }
  /** A fault of ours took this mount's engine; the thread serves the others on. */
  | { readonly kind: 'crashed'; readonly stack: string }

export type FromEngine = FromMount & { readonly mount: number }
