/**
 * The main thread's hold on the thread that writes the index: planned before the engine starts, which gets one end of
 * their channel; started once the mount answers, so that nobody waits for it; ended after the engine, so that the last
 * change is told. Without a workdir nobody writes, and the engine uses what is known of its layers already.
 */

import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import type { Log } from '../../base/log.js'
import { pathBytes } from '../../base/text.js'
import { markInUse, removeDatabase } from '../../owner-index/database/in-use.js'
import type { WriterStart } from '../../owner-index/database/shared-state.js'
import {
  type FromWriter,
  type MountedIndexFacts,
  newSharedState,
  openingFacts,
  Slot,
} from '../../owner-index/database/shared-state.js'
import { sharedDirectory } from '../../owner-index/database/stack-identity.js'
import { IdleGate } from '../../owner-index/writer/idle-gate.js'
import { WIDE } from '../../owner-index/writer/stamp-check.js'
import type { LowerStackConfig } from '../../stack/lower-stack.js'
import { O_DIRECTORY, O_PATH } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import type { UnionConfig } from '../../union/context/config.js'
import type { EngineIndex } from './engine-messages.js'
import { type Writing, writersThread } from './writers-thread.js'

/** How long the writer may take to bring its last changes to disk. */
const PATIENCE_MS = 20_000
/**
 * How old a mount gets before a database is begun for it, in the next lull, or some seconds later where there is none.
 * A runtime makes and unmounts many in a moment, and removes the workdir right after: a file that came into being then
 * would be in its way, and nobody would ever ask it.
 */
const BEGIN_MS = 1000
/** How long a reader of the change log waits for the writer, and for how long it does not look. */
const LOG_MS = 5_000
const LOG_PAUSE_MS = 10

export class IndexThread {
  readonly forEngine: EngineIndex
  facts: MountedIndexFacts
  readonly #channel = new MessageChannel()
  readonly #shared = newSharedState()
  #stack: { config: LowerStackConfig; upperFd: number } | null = null
  #writing: Writing | null = null
  #waiting: NodeJS.Timeout | null = null
  readonly #lull = new IdleGate(this.#shared)
  /** The database is about other layers than the mount stands on, and kept for its change log. */
  #logOnly: boolean

  /** null: this mount has no index. */
  static plan(config: UnionConfig, mountpoint: string, wakeFd: number, log: Log): IndexThread | null {
    const path = config.work === null || config.readonly ? null : `${config.work}/index.db`
    const mount = randomUUID()
    if (path !== null) markKept(path, mount, !config.volatile, log)
    if (config.index === 'off') return null
    if (!isBelow(path ?? sharedDirectory(), mountpoint)) return new IndexThread(config, path, mount, wakeFd, log)
    log('warn', 'the index would lie below the mountpoint: the mount works without it')
    return null
  }

  private constructor(
    private readonly config: UnionConfig,
    private readonly path: string | null,
    /** Names this mount in the database. */
    private readonly mount: string,
    private readonly wakeFd: number,
    private readonly log: Log,
  ) {
    const port = path === null ? null : this.#channel.port1
    const immutable = config.index === 'immutable'
    const logOnly = config.index === 'log'
    this.#logOnly = logOnly
    this.forEngine = { path, immutable, shared: this.#shared, since: Date.now(), port, logOnly }
    this.facts = {
      ...openingFacts(path),
      state: path === null || logOnly ? 'none' : 'opening',
      from: 'shared',
      immutable,
      ...(logOnly ? { downgrade: 'the owner index is off: this mount has snapshots' } : {}),
    }
  }

  /** What goes over to the engine's thread with `forEngine`. */
  get transfer(): MessagePort[] {
    return this.forEngine.port === null ? [] : [this.forEngine.port]
  }

  /**
   * The engine has opened its layers; it waits meanwhile, so its descriptors are what they were. The writer gets its
   * own.
   */
  know(config: LowerStackConfig, upperFd: number): void {
    if (this.path === null) return
    const own = (fd: number): number => (fd < 0 ? -1 : native.openat(fd, '.', O_PATH | O_DIRECTORY, 0))
    const { snapshots = 0 } = this.config
    if (this.#logOnly) {
      const below = <T>(list: readonly T[]): T[] => list.slice(snapshots)
      const { lowers, rootFds, mapped } = config
      const base = { ...config, lowers: below(lowers), rootFds: below(rootFds!).map(own) }
      this.#stack = { config: mapped === undefined ? base : { ...base, mapped: below(mapped) }, upperFd: -1 }
      return
    }
    this.#stack = { config: { ...config, rootFds: config.rootFds!.map(own) }, upperFd: own(upperFd) }
  }

  /** The mount answers: the writer may begin, at once where there is a database, which has to be marked as in use. */
  start(): void {
    if (this.path === null || this.#stack === null) return
    if (existsSync(pathBytes(this.path)) || (this.config.changelog ?? 0) > 0) this.#begin()
    else this.#beginIn(BEGIN_MS)
  }

  #beginIn(milliseconds: number): void {
    this.#waiting = setTimeout(() => this.#beginInLull(), milliseconds).unref()
  }

  /** Starting the thread takes a processor for some tenths of a second, which a program that walks the tree needs. */
  #beginInLull(): void {
    const { go, pause } = this.#lull.look()
    if (go) this.#begin()
    else this.#beginIn(pause)
  }

  #begin(): void {
    if (this.#waiting !== null) clearTimeout(this.#waiting)
    this.#waiting = null
    if (this.path === null || this.#stack === null || this.#writing !== null) return
    const start: WriterStart = {
      stack: this.#stack.config,
      upperFd: this.#stack.upperFd,
      path: this.path,
      shared: this.#shared,
      mount: this.mount,
      fill: this.config.indexFill === 'background' && !this.#logOnly,
      wide: this.config.index === 'immutable' || this.#logOnly ? null : WIDE,
      wakeFd: this.wakeFd,
      changelog: this.config.changelog ?? 0,
      logOnly: this.#logOnly,
    }
    try {
      this.#writing = writersThread.begin(start, this.#channel.port2, (message) => this.#heard(message))
    } catch (error) {
      this.#failed(error as Error)
      return this.#goWithout()
    }
  }

  #heard(message: FromWriter): void {
    if (message.kind === 'log') this.log(message.level, message.message, message.fields)
    else if (message.kind === 'facts' && this.#logOnly) return
    else if (message.kind === 'facts') this.facts = { ...message.facts, immutable: this.forEngine.immutable }
    else if (message.kind === 'failed') this.#failed(message)
  }

  /** The mount goes on without: the index is a cache. A thread may not be had where a limit of processes is reached. */
  #failed({ message, stack }: { readonly message: string; readonly stack?: string | undefined }): void {
    this.facts = { ...this.facts, state: 'none', downgrade: `the index's writer has failed: ${message}` }
    this.log('error', "the index's writer has failed", { stack: stack ?? message })
  }

  /** Closes what was made for a writer that never came to be. */
  #goWithout(): void {
    const { config, upperFd } = this.#stack ?? { config: { rootFds: [] }, upperFd: -1 }
    for (const fd of [...config.rootFds!, upperFd]) if (fd >= 0) native.close(fd)
    this.#stack = null
    this.#channel.port2.close()
  }

  /** Waits until the writer is so far with the change log; false where it is not within some seconds. */
  async hasLogged(told: number): Promise<boolean> {
    for (let waited = 0; waited < LOG_MS; waited += LOG_PAUSE_MS) {
      if (((Atomics.load(this.#shared, Slot.LOGGED) - told) | 0) >= 0) return true
      await sleep(LOG_PAUSE_MS)
    }
    return false
  }

  /** The change log alone goes on: what is said of the index from now on is none of this mount's. */
  keepLog(): void {
    this.#logOnly = true
  }

  /** Has the whole tree read in the background; `facts.complete` says when it has been. False when nobody writes. */
  fill(): boolean {
    return !this.#logOnly && this.#tell('fill')
  }

  /** Has everything thrown away and begun anew. False when nobody writes. */
  drop(): boolean {
    return this.#tell('drop')
  }

  #tell(what: 'fill' | 'drop'): boolean {
    this.#begin()
    this.#writing?.tell(what)
    return this.#writing !== null
  }

  /** After the engine: waits for the last commit when it ended as it should, else leaves the database marked. */
  async finish(clean: boolean): Promise<void> {
    if (this.#waiting !== null) clearTimeout(this.#waiting)
    const writing = this.#writing
    if (writing === null) return this.#goWithout()
    if (!clean) writing.tell('crashed')
    if (await writing.endedWithin(PATIENCE_MS)) return
    this.log('error', "the index's writer does not end: its database stays marked as in use")
  }
}

/**
 * A database that is there is marked before the mount answers, with or without a writer: what changes in the upper
 * from now on is not in it. Where it cannot be marked (a full disk) it goes.
 */
function markKept(path: string, mount: string, synced: boolean, log: Log): void {
  if (!existsSync(pathBytes(path))) return
  try {
    markInUse(path, mount, synced)
  } catch (error) {
    log('warn', 'the index cannot be marked as in use: it is begun anew', { why: (error as Error).message })
    removeDatabase(path)
  }
}

function isBelow(path: string, directory: string): boolean {
  return path.startsWith(directory === '/' ? '/' : `${directory}/`)
}
