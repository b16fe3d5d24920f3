/**
 * The main thread's hold on the engine's thread: starts it, hands it the device, asks it questions, learns how it
 * ended. A crash of that thread is an ending like the others, so that the mount can be taken away.
 */

import { closeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { type FailureRecord, failureFrom, type StratafsError } from '../../base/failure.js'
import type { Log } from '../../base/log.js'
import { sourceStack } from '../../base/source-stack.js'
import { shown } from '../../base/text.js'
import { native } from '../../syscalls/native.js'
import { detach } from '../mount/mounter.js'
import type { Ending, EngineHandle, Held } from './engine-handle.js'
import { type EngineStart, type FromEngine, Gate, type Question, type ToEngine } from './engine-messages.js'
import { IndexThread } from './index-thread.js'
import { takeEngineThread } from './prestarted-thread.js'

/** How long an answer may take while the engine is busy with one long operation. */
const PATIENCE_MS = 10_000

/**
 * Room for descriptors made while the engine loads: more than directories and files kept, where the process may have
 * that many.
 */
const RESERVED = 4096

/** What whoever starts an engine says; the rest comes about here. */
interface EngineWish extends Omit<EngineStart, 'wakeFd' | 'index'> {
  /** What is mounted upon: an index that lies below it could not be reached any more. */
  readonly mountpoint: string
}

export class EngineThread implements EngineHandle {
  readonly ended: Promise<Ending>
  readonly #index: IndexThread | null
  readonly #worker: Worker
  readonly #wakeFd: number
  readonly #pending = new Map<number, (value: unknown) => void>()
  #asked = 0
  #over = false
  #onBuilt: (refusal: FailureRecord | null) => void = () => {}
  #onServing: () => void = () => {}
  #onHeld: () => void = () => {}
  /** What the engine waits for, while it is held. */
  #gate: Int32Array | null = null

  /** Builds the engine in a new thread, or says why it cannot be built. */
  static async start(
    start: EngineWish,
    log: Log,
    trace: (line: string) => void,
  ): Promise<EngineThread | StratafsError> {
    const thread = new EngineThread(start, log, trace)
    const built = new Promise<FailureRecord | null>((resolve) => {
      thread.#onBuilt = resolve
    })
    const refusal = await Promise.race([built, thread.ended.then(failureOf)])
    if (refusal === null) return thread
    await thread.#worker.terminate()
    return failureFrom(refusal).map(shown)
  }

  private constructor(start: EngineWish, log: Log, trace: (line: string) => void) {
    native.reserveDescriptors(RESERVED)
    this.#wakeFd = native.eventfd()
    this.#index = IndexThread.plan(start.config, start.mountpoint, this.#wakeFd, log)
    this.#worker = takeEngineThread()
    const over = new Promise<Ending>((resolve) => this.#listen(resolve, log, trace))
    this.ended = over.then(async (ending) => {
      await this.#index?.finish('result' in ending)
      return ending
    })
    this.ended.then(() => this.#settle())
    const { config, timeout, trace: traced, awake } = start
    const told = { config, timeout, trace: traced, awake, wakeFd: this.#wakeFd, index: this.#index?.forEngine ?? null }
    this.#worker.postMessage({ kind: 'build', start: told } satisfies ToEngine, this.#index?.transfer ?? [])
  }

  #listen(end: (ending: Ending) => void, log: Log, trace: (line: string) => void): void {
    this.#worker.on('message', (message: FromEngine) => {
      if (message.kind === 'log') log(message.level, message.message, message.fields)
      else if (message.kind === 'trace') trace(message.line)
      else if (message.kind === 'built') this.#built(message)
      else if (message.kind === 'serving') this.#onServing()
      else if (message.kind === 'held') this.#onHeld()
      else if (message.kind === 'answer') this.#answered(message.id, message.value)
      else end({ result: message.result })
    })
    this.#worker.on('error', (error: Error) => end({ crash: sourceStack(error) }))
    this.#worker.on('exit', (code) => end({ crash: `the engine's thread exited with ${code}` }))
  }

  #built(message: Extract<FromEngine, { kind: 'built' }>): void {
    if (message.refusal === null) this.#index?.know(message.stack, message.upperFd)
    this.#onBuilt(message.refusal)
  }

  /** null where the mount has none. */
  get index(): IndexThread | null {
    return this.#index
  }

  #answered(id: number, value: unknown): void {
    this.#pending.get(id)?.(value)
    this.#pending.delete(id)
  }

  /** After the end nobody answers any more. */
  #settle(): void {
    this.#over = true
    for (const resolve of this.#pending.values()) resolve(null)
    this.#pending.clear()
    closeSync(this.#wakeFd)
  }

  /** Gives the device away and waits until the loop runs; false when the thread ended instead. */
  async serve(fd: number): Promise<boolean> {
    const serving = new Promise<boolean>((resolve) => {
      this.#onServing = () => resolve(true)
    })
    this.#worker.postMessage({ kind: 'serve', fd } satisfies ToEngine)
    const serves = await Promise.race([serving, this.ended.then(() => false)])
    if (serves) this.#index?.start()
    return serves
  }

  /** Asks the serving engine; null when it has ended, cannot answer, or is busy for too long. */
  ask(question: Question): Promise<unknown> {
    if (this.#over) return Promise.resolve(null)
    const id = ++this.#asked
    return new Promise((resolve) => {
      const late = setTimeout(() => this.#answered(id, null), PATIENCE_MS)
      this.#pending.set(id, (value) => {
        clearTimeout(late)
        resolve(value)
      })
      this.#send({ kind: 'ask', id, question })
    })
  }

  async hold(milliseconds: number): Promise<Held | null> {
    if (this.#over || this.#gate !== null) return null
    const gate = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
    this.#gate = gate
    const giveUp = new AbortController()
    const held = new Promise<boolean>((resolve) => {
      this.#onHeld = () => resolve(true)
    })
    this.#send({ kind: 'hold', gate, milliseconds })
    const late = sleep(PATIENCE_MS, false, { signal: giveUp.signal }).catch(() => false)
    const holds = await Promise.race([held, late, this.ended.then(() => false)])
    giveUp.abort()
    if (holds) return { release: () => this.#open(gate) }
    this.#open(gate)
    return null
  }

  /** False when the gate had opened by itself. */
  #open(gate: Int32Array): boolean {
    if (this.#gate === gate) this.#gate = null
    const before = Atomics.compareExchange(gate, 0, Gate.CLOSED, Gate.OPEN)
    Atomics.notify(gate, 0)
    return before !== Gate.EXPIRED
  }

  /** Whatever needs the engine goes before who holds it. */
  #openAny(): void {
    if (this.#gate !== null) this.#open(this.#gate)
  }

  /** Ends the loop after the request in hand; before `serve` it ends the thread. */
  stop(): void {
    this.#openAny()
    if (!this.#over) this.#send({ kind: 'stop' })
  }

  async detach(mountpoint: string, lazy: boolean): Promise<number | StratafsError> {
    this.#openAny()
    return detach(mountpoint, lazy)
  }

  /** Ends the thread at once, wherever it is. */
  async kill(): Promise<void> {
    await this.#worker.terminate()
  }

  #send(message: ToEngine): void {
    this.#worker.postMessage(message)
    native.signalEvent(this.#wakeFd)
  }
}

function failureOf(ending: Ending): FailureRecord {
  const error = 'crash' in ending ? `the engine could not start: ${ending.crash}` : 'the engine ended at once'
  return { error, code: 'FAILED', remedy: null }
}
