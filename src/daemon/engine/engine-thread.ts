/**
 * The main thread's hold on one mount's engine, which runs on a thread of the pool: has it built, hands it the device,
 * asks it questions, learns how it ended. A crash is an ending like the others, so that the mount can be taken away.
 */

import { write } from 'node:fs'
import { type FailureRecord, failureFrom, type StratafsError } from '../../base/failure.js'
import type { Log } from '../../base/log.js'
import { shown } from '../../base/text.js'
import { O_DIRECTORY, O_RDONLY } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { detach } from '../mount/mounter.js'
import type { BegunConnection } from '../options/mount-settings.js'
import type { Ending, EngineHandle, Held } from './engine-handle.js'
import type { EngineStart, FromMount, Question, ToMount } from './engine-messages.js'
import { enginePool, type PoolThread, RESERVED } from './engine-pool.js'
import { IndexThread } from './index-thread.js'
import { hasRemoteLayer } from './remote.js'

/** How long an answer may take while the engine is busy with one long operation. */
const PATIENCE_MS = 10_000

/** What whoever starts an engine says; the rest comes about here. */
interface EngineWish extends Omit<EngineStart, 'index'> {
  /** What is mounted upon: an index that lies below it could not be reached any more. */
  readonly mountpoint: string
  /** To be served as soon as it is built, where it is known so early: who waits for it then waits for one answer. */
  readonly device?: number | undefined
}

/** A mount that serves nothing for a while. */
interface Hold {
  readonly timer: NodeJS.Timeout
  expired: boolean
}

export class EngineThread implements EngineHandle {
  readonly ended: Promise<Ending>
  readonly #thread: PoolThread
  readonly #number: number
  readonly #index: IndexThread | null
  readonly #pending = new Map<number, (value: unknown) => void>()
  #asked = 0
  #over = false
  #onBuilt: (refusal: FailureRecord | null) => void = () => {}
  #onServing: () => void = () => {}
  #serving: Promise<boolean> = Promise.resolve(false)
  #onHeld: () => void = () => {}
  #onSettling: () => void = () => {}
  #end: (ending: Ending) => void = () => {}
  #hold: Hold | null = null
  /** The upper's root, where the end of the mount syncs it; else -1. */
  #upperFd = -1
  /** The engine's, which it closes when it is over. */
  #device = -1
  readonly #isSynced: boolean

  /** Builds the engine on a thread of the pool, or says why it cannot be built. */
  static async start(
    start: EngineWish,
    log: Log,
    trace: (line: string) => void,
  ): Promise<EngineThread | StratafsError> {
    const engine = new EngineThread(start, log, trace)
    const built = new Promise<FailureRecord | null>((resolve) => {
      engine.#onBuilt = resolve
    })
    const refusal = await Promise.race([built, engine.ended.then(failureOf)])
    if (refusal === null) return engine
    engine.#end({ result: 0 })
    await engine.ended
    return failureFrom(refusal).map(shown)
  }

  private constructor(
    start: EngineWish,
    private readonly log: Log,
    private readonly trace: (line: string) => void,
  ) {
    native.reserveDescriptors(RESERVED)
    this.#isSynced = start.config.fsync || start.config.volatile
    this.#thread = enginePool.take(hasRemoteLayer(start.config))
    const over = new Promise<Ending>((resolve) => {
      this.#end = resolve
    })
    this.#number = this.#thread.add({
      heard: (message) => this.#heard(message),
      died: (stack) => this.#end({ crash: stack }),
      silent: () => log('warn', "the engine's thread waits for a disk or a layer: its mounts wait with it"),
    })
    this.#index = IndexThread.plan(start.config, start.mountpoint, this.#thread.wakeFd, log)
    this.ended = over.then(async (ending) => {
      this.#settle()
      await this.#index?.finish('result' in ending)
      return ending
    })
    const { config, timeout, trace: traced, awake, kept } = start
    const told = { config, timeout, trace: traced, awake, kept, index: this.#index?.forEngine ?? null }
    this.#thread.send(this.#number, { kind: 'build', start: told }, this.#index?.transfer ?? [])
    if (start.device !== undefined) this.#begin(start.device, null)
  }

  /** The thread is to serve `fd`. */
  #begin(fd: number, begun: BegunConnection | null): void {
    this.#device = fd
    this.#serving = new Promise<boolean>((resolve) => {
      this.#onServing = () => resolve(true)
    })
    this.#thread.send(this.#number, { kind: 'serve', fd, begun })
  }

  #heard(message: FromMount): void {
    if (message.kind === 'log') this.log(message.level, message.message, message.fields)
    else if (message.kind === 'trace') this.trace(message.line)
    else if (message.kind === 'built') this.#built(message)
    else if (message.kind === 'serving') this.#onServing()
    else if (message.kind === 'held') this.#onHeld()
    else if (message.kind === 'settling') this.#onSettling()
    else if (message.kind === 'answer') this.#answered(message.id, message.value)
    else if (message.kind === 'over') void this.#syncThenClose()
    else if (message.kind === 'crashed') this.#end({ crash: message.stack })
    else if (message.kind === 'ended') this.#end({ result: message.result })
  }

  /** Nothing is written any more. Where its thread serves others, too, the engine does not wait there for the disk. */
  async #syncThenClose(): Promise<void> {
    const isBeside = this.#upperFd >= 0 && this.#thread.load > 1
    this.#send({ kind: 'close', isSynced: isBeside && (await syncBeside(this.#upperFd)) === 0 })
  }

  #built(message: Extract<FromMount, { kind: 'built' }>): void {
    if (message.refusal === null) {
      this.#index?.know(message.stack, message.upperFd)
      if (this.#isSynced) this.#upperFd = message.upperFd
    }
    this.#onBuilt(message.refusal)
  }

  /** null where the mount has none. */
  get index(): IndexThread | null {
    return this.#index
  }

  /** The upper is another one. */
  upperIs(fd: number): void {
    if (this.#upperFd >= 0) this.#upperFd = fd
  }

  #answered(id: number, value: unknown): void {
    this.#pending.get(id)?.(value)
    this.#pending.delete(id)
  }

  /** After the end nobody answers any more. */
  #settle(): void {
    this.#over = true
    this.#thread.remove(this.#number)
    if (this.#hold !== null) clearTimeout(this.#hold.timer)
    for (const resolve of this.#pending.values()) resolve(null)
    this.#pending.clear()
  }

  /** Gives the device away and waits until the loop runs; false when the engine ended instead. */
  async serve(fd: number, begun: BegunConnection | null = null): Promise<boolean> {
    if (this.#device !== fd && !this.#over) this.#begin(fd, begun)
    const serves = await Promise.race([this.#serving, this.ended.then(() => false)])
    if (serves) this.#index?.start()
    return serves
  }

  /** Asks the serving engine; null when it has ended, cannot answer, or is busy for too long. */
  ask(question: Question, patient = false): Promise<unknown> {
    if (this.#over) return Promise.resolve(null)
    const id = ++this.#asked
    return new Promise((resolve) => {
      const late = patient ? undefined : setTimeout(() => this.#answered(id, null), PATIENCE_MS)
      this.#pending.set(id, (value) => {
        clearTimeout(late)
        resolve(value)
      })
      this.#send({ kind: 'ask', id, question })
    })
  }

  /** Not by the engine's thread: the kernel may hold a lock for a request that waits for it. */
  notify(message: Uint8Array): Promise<boolean> {
    if (this.#over || this.#device < 0) return Promise.resolve(false)
    return new Promise((resolve) => write(this.#device, message, (error) => resolve(error === null)))
  }

  async hold(milliseconds: number): Promise<Held | null> {
    if (this.#over || this.#hold !== null) return null
    const hold: Hold = { expired: false, timer: setTimeout(() => this.#expire(hold), milliseconds) }
    this.#hold = hold
    const held = new Promise<boolean>((resolve) => {
      this.#onHeld = () => resolve(true)
    })
    let patience: NodeJS.Timeout | undefined
    const late = new Promise<boolean>((resolve) => {
      patience = setTimeout(() => resolve(false), PATIENCE_MS)
      // What is being copied up is waited for as long as the hold was asked for.
      this.#onSettling = () => {
        clearTimeout(patience)
        patience = setTimeout(() => resolve(false), milliseconds)
      }
    })
    this.#send({ kind: 'hold' })
    const holds = await Promise.race([held, late, this.ended.then(() => false)])
    clearTimeout(patience)
    if (holds) return { release: () => this.#letGo(hold) }
    this.#letGo(hold)
    return null
  }

  #expire(hold: Hold): void {
    hold.expired = true
    this.#letGo(hold)
    this.log('warn', 'the mount was held for longer than it was asked to be: it is served again')
  }

  /** False when it was let go of before, because its time was over. */
  #letGo(hold: Hold): boolean {
    clearTimeout(hold.timer)
    if (this.#hold !== hold) return !hold.expired
    this.#hold = null
    this.#send({ kind: 'release' })
    return !hold.expired
  }

  /** Whatever needs the engine goes before who holds it. */
  #openAny(): void {
    if (this.#hold !== null) this.#letGo(this.#hold)
  }

  /** Ends serving after the request in hand; before `serve` it ends the engine. */
  stop(): void {
    this.#openAny()
    this.#send({ kind: 'stop' })
  }

  async detach(mountpoint: string, lazy: boolean): Promise<number | StratafsError> {
    this.#openAny()
    return detach(mountpoint, lazy)
  }

  #send(message: ToMount): void {
    if (!this.#over) this.#thread.send(this.#number, message)
  }
}

/** syncfs(2) by another thread. `directory` may be one that cannot be read (O_PATH), and then it cannot be synced. */
async function syncBeside(directory: number): Promise<number> {
  const fd = native.openat(directory, '.', O_RDONLY | O_DIRECTORY, 0)
  if (fd < 0) return fd
  try {
    return await native.syncfsBeside(fd)
  } finally {
    native.close(fd)
  }
}

function failureOf(ending: Ending): FailureRecord {
  const error = 'crash' in ending ? `the engine could not start: ${ending.crash}` : 'the engine ended at once'
  return { error, code: 'FAILED', remedy: null }
}
