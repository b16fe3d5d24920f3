/**
 * What the engine's thread and the writer's thread know of each other without a message: the engine sits in one
 * blocking call and reads no messages, but looking at a shared number costs nothing.
 */
import type { MessagePort } from 'node:worker_threads'
import type { LowerStackConfig } from '../../stack/lower-stack.js'
import type { ChangeRow } from './change-log.js'

/** Slots of the shared Int32Array. */
export const Slot = {
  /** Goes up with every commit that brought rows of lower directories. */
  GENERATION: 0,
  /** One of State. */
  STATE: 1,
  /** Goes up when another file takes the place of the database. */
  EPOCH: 2,
  /** 1: the engine holds changes back that the writer has not been told of. */
  PENDING: 3,
  /** Goes up when a request begins and when it has been answered: odd while one is served. */
  TURNS: 4,
  /** 1: every directory of the lower layers has rows, so that visits need not be told for their sake. */
  COMPLETE: 5,
  /** How far the writer is with what the change log was told: rows, and one more for each message. */
  LOGGED: 6,
} as const

const SLOTS = Object.keys(Slot).length
/**
 * After the slots, one bit for each directory, by its id: its parts were held against their stamps in this mount, or
 * read.
 */
const AHEAD_IDS = 65_536

export const State = { OPENING: 0, READY: 1, NONE: 2 } as const

export function newSharedState(): Int32Array {
  return new Int32Array(new SharedArrayBuffer((SLOTS + AHEAD_IDS / 32) * 4))
}

/**
 * Whether directory `id` was compared by the writer, or read by it, since the mount began; its row is that of then, or
 * a newer one.
 */
export function isVerified(shared: Int32Array, id: number): boolean {
  return id < AHEAD_IDS && (Atomics.load(shared, SLOTS + (id >> 5)) & (1 << (id & 31))) !== 0
}

/** Says whether directory `id` has been compared, or read. */
export function setVerified(shared: Int32Array, id: number, compared: boolean): void {
  if (id >= AHEAD_IDS) return
  const bit = 1 << (id & 31)
  if (compared) Atomics.or(shared, SLOTS + (id >> 5), bit)
  else Atomics.and(shared, SLOTS + (id >> 5), ~bit)
}

/** Another database: nothing has been compared with it. */
export function clearAhead(shared: Int32Array): void {
  for (let at = SLOTS; at < shared.length; at++) Atomics.store(shared, at, 0)
}

/** Where requests are counted, for who serves them. */
export function turnsOf(shared: Int32Array): Int32Array {
  return shared.subarray(Slot.TURNS, Slot.TURNS + 1)
}

/** Before anything is known of the database at `path`. */
export function openingFacts(path: string | null): IndexFacts {
  const unread = { complete: false, filling: null, failed: 0, coverage: null, upperRead: false }
  return { path, state: 'opening', from: 'new', downgrade: null, ...unread }
}

/** What the writer of a mount is started with. */
export interface WriterStart {
  readonly stack: LowerStackConfig
  readonly path: string
  readonly shared: Int32Array
  /** Names this mount in the database while it is mounted. */
  readonly mount: string
  /** Read the whole tree after the start. */
  readonly fill: boolean
  /**
   * Directories of so many layers are compared ahead of their first visit; null: none, for layers are never compared.
   */
  readonly wide: number | null
  /** The upper's root, taken over, or -1. */
  readonly upperFd: number
  /** Wakes the engine. */
  readonly wakeFd: number
  /** How many rows the change log keeps; 0: there is none. */
  readonly changelog?: number
  /** Nothing but the log is kept: the mount stands on more layers than `stack` has. */
  readonly logOnly?: boolean
}

export type VisitReason =
  /** Somebody came by before there was a database to be asked: where it has the directory, nothing is to be read. */
  | 'early'
  /** The database has no row of it that can be used. */
  | 'absent'
  /** Rows about it are wrong, and until it is read again they are asked in vain. */
  | 'stale'

/** What the engine tells the writer. Paths latin1. */
export type ToWriter =
  /** Read this directory of the lower layers. `edited`: layers seen to be other than their rows. */
  | { readonly kind: 'visit'; readonly path: string; readonly edited: readonly number[]; readonly why: VisitReason }
  /** Paths of the merged tree whose upper part has changed. */
  | { readonly kind: 'touched'; readonly paths: readonly string[] }
  /** Read these directories of the lower layers, where they have no rows. */
  | { readonly kind: 'came'; readonly paths: readonly string[] }
  /** For the change log; `now`: whoever asks for it waits. */
  | { readonly kind: 'changes'; readonly rows: readonly ChangeRow[]; readonly now: boolean }
  /** Reading failed: SQLite's code. */
  | { readonly kind: 'damaged'; readonly code: string }
  /** Read the whole tree. */
  | { readonly kind: 'fill' }
  /** Throw everything away and begin anew. */
  | { readonly kind: 'drop' }
  /** The mount stands on other layers than the index is about: only the change log goes on. */
  | { readonly kind: 'log-only' }
  /** The engine has ended, and everything it did has been told. */
  | { readonly kind: 'end' }

/** What the writer tells the main thread. */
export type FromWriter =
  | {
      readonly kind: 'log'
      readonly level: 'info' | 'warn' | 'error'
      readonly message: string
      readonly fields: Record<string, unknown>
    }
  | { readonly kind: 'facts'; readonly facts: IndexFacts }
  | { readonly kind: 'ended' }
  /** A fault of ours took the writer. */
  | { readonly kind: 'failed'; readonly message: string; readonly stack: string }

/** The same, of one mount's writer among those of a thread. */
export type FromWriters = FromWriter & { readonly mount: number }

/** What the main thread tells the writers' thread, of one mount: `engine` is that engine's end of their channel. */
export type ToWriters =
  | { readonly kind: 'begin'; readonly mount: number; readonly start: WriterStart; readonly engine: MessagePort }
  | { readonly kind: 'crashed' | 'fill' | 'drop'; readonly mount: number }
  /** Collect what writers left. */
  | { readonly kind: 'give-back' }

/** How the index is, for `inspect`. */
export interface IndexFacts {
  readonly path: string | null
  readonly state: 'opening' | 'ready' | 'none'
  /** Every directory of the lower layers has been read. */
  readonly complete: boolean
  /** Where the rows came from when the mount began. */
  readonly from: 'kept' | 'shared' | 'new'
  /** Why there is none, or why it does not go on, in words; null: nothing is wrong. */
  readonly downgrade: string | null
  /** The walk over the whole tree that is under way. */
  readonly filling: { readonly directories: number; readonly entries: number; readonly waiting: number } | null
  /** Directories that the last such walk could not read. */
  readonly failed: number
  /**
   * Directories that the last such walk has read or found unchanged, and those it knows of; null: there was none yet.
   */
  readonly coverage: { readonly read: number; readonly found: number } | null
  /** The upper's rows are what the upper is, but for the last second. */
  readonly upperRead: boolean
}

/** The same as a mount tells it. */
export interface MountedIndexFacts extends IndexFacts {
  /** Layers are believed to be what they were (`index=immutable`). */
  readonly immutable: boolean
}
