/**
 * One mount on an engine's thread: its engine, its session and its connection, from the order to build it to its end.
 * The thread serves others beside it, so nothing here may wait; a fault stays in the mount that has it.
 */
import { errnoWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { sourceStack } from '../../base/source-stack.js'
import type { LimitChange } from '../../operations/change-limit.js'
import { createEngine, type Engine } from '../../operations/engine.js'
import { turnsOf } from '../../owner-index/database/shared-state.js'
import type { ChangeRecorder } from '../../owner-index/engine/change-recorder.js'
import { termsOf } from '../../protocol/init.js'
import { BUFFER_BYTES, sessionConfig } from '../../session/mount-config.js'
import { Session } from '../../session/session.js'
import { type Device, native } from '../../syscalls/native.js'
import { Connection, dataBinding, dataPort } from '../../transport/dev-fuse.js'
import type { LogFunction } from '../../union/context/union.js'
import { StateMemory } from '../../union/state/memory.js'
import type { BegunConnection } from '../options/mount-settings.js'
import { joinChangeLog, joinIndex } from './attach-index.js'
import { type AwakeChoice, holdAwake } from './cpu-latency.js'
import { answerFreezing, Drain, type FreezingQuestion } from './drain.js'
import { type EngineStart, type FromMount, OWNERS_PER_ANSWER, type Question } from './engine-messages.js'
import { LateBinding } from './late-binding.js'
import { goOnWith, keepLeftBehind, recoveryOf, resumeServing } from './resume-serving.js'

/** Of the device's counters. */
const DEVICE_WRITES = 2

/** The thread, as its mounts need to know it. */
interface ThreadParts {
  readonly epoll: number
  /** The eventfd that wakes the loop. */
  readonly wakeFd: number
  /** A device whose buffers are used by all; null: there is none yet. */
  sibling(): Device | null
  /** Whether it serves one mount at most. */
  readonly isAlone: () => boolean
}

/** What serves, once there is a device. */
interface Served {
  readonly session: Session
  readonly device: Device
  readonly connection: Connection
  readonly awake: AwakeChoice
  readonly fd: number
}

export class ServedMount {
  #served: Served | null = null
  #held = false
  /** Somebody waits until nothing is left to be copied up: to hold the mount still, or to end it. */
  settles = false
  readonly #drain: Drain
  /** As the connection ended. */
  #result: number | null = null

  private constructor(
    readonly id: number,
    private readonly start: EngineStart,
    private readonly thread: ThreadParts,
    private readonly say: (message: FromMount) => void,
    private readonly engine: Engine,
    private readonly binding: LateBinding,
    private readonly changes: ChangeRecorder | null,
    private readonly memory: StateMemory | null,
  ) {
    this.#drain = new Drain(engine.operations)
  }

  /** Opens the layers; null where they cannot be, which is said. */
  static build(
    id: number,
    start: EngineStart,
    thread: ThreadParts,
    say: (message: FromMount) => void,
  ): ServedMount | null {
    const log: LogFunction = (level, message, fields = {}) => say({ kind: 'log', level, message, fields })
    const binding = new LateBinding()
    const memory = start.kept === null ? null : StateMemory.map(start.kept.state)
    if (typeof memory === 'number') {
      const why = new StratafsError(`the mount's state cannot be mapped (${errnoWords(memory)})`)
      say({ kind: 'built', refusal: why.toJSON() })
      return null
    }
    const kept = memory === null ? null : { memory, into: start.kept!.into, from: start.kept!.from }
    const limit = memory?.limit ?? null
    const config = limit === null ? start.config : { ...start.config, limit }
    const engine = createEngine(config, binding, log, kept)
    if (engine instanceof StratafsError) {
      say({ kind: 'built', refusal: engine.toJSON() })
      return null
    }
    joinIndex(engine, start.index, log)
    const changes = joinChangeLog(engine, start.index, (start.config.changelog ?? 0) > 0)
    say({ kind: 'built', refusal: null, stack: engine.stack, upperFd: engine.upperFd })
    return new ServedMount(id, start, thread, say, engine, binding, changes, memory)
  }

  get device(): Device | null {
    return this.#served?.device ?? null
  }

  /** Serves `fd` from now on. `begun`: after what has been said over it before. */
  begin(fd: number, begun: BegunConnection | null): void {
    const { epoll, wakeFd } = this.thread
    const sibling = this.thread.sibling()
    const { memory } = this
    const isResumed = this.start.kept?.resumed === true
    if (memory !== null && isResumed) keepLeftBehind(memory, this.engine.ledger!)
    const device =
      memory !== null
        ? new native.Device(fd, wakeFd, BUFFER_BYTES, sibling, memory.request)
        : sibling === null
          ? new native.Device(fd, wakeFd, BUFFER_BYTES)
          : new native.Device(fd, wakeFd, BUFFER_BYTES, sibling)
    device.share(epoll, this.id)
    const session = this.#makeSession(device)
    const isRemembered = () => memory === null || recoveryOf(true, session.agreed).kind === 'full'
    this.binding.device = dataBinding(device, wakeFd, { isAlone: this.thread.isAlone, isRemembered })
    if (this.changes !== null) this.changes.who = () => session.asker
    const trace = this.start.trace ? (line: string) => this.say({ kind: 'trace', line }) : undefined
    const turns = this.start.index === null ? undefined : turnsOf(this.start.index.shared)
    const { ledger } = this.engine
    const aside = (low: number, high: number, isOn: boolean): void => ledger?.journal.aside(low, high, isOn)
    const connection = new Connection(device, session, { trace, turns, aside })
    const awake = holdAwake(device, this.start.awake, (what) => this.engine.downgrade(what))
    this.#served = { session, device, connection, awake, fd }
    if (isResumed) {
      const log: LogFunction = (level, message, fields = {}) => this.say({ kind: 'log', level, message, fields })
      resumeServing({ engine: this.engine, memory: memory!, session, connection, log })
    }
    if (begun !== null) goOnWith(begun, session, memory)
    native.epollAdd(epoll, fd, this.id)
    this.say({ kind: 'serving' })
    if (begun !== null) connection.serveTaken(begun.request, null)
  }

  /** Serves what has come: 0, or a negative number, with which the mount is over. */
  serve(): number {
    return this.#served?.connection.serve() ?? 0
  }

  /** The thread was woken: something that was waited for may be there. */
  tend(): void {
    this.engine.tendIndex()
    const isSettled = !this.engine.placeFilled(false)
    if (isSettled && this.settles) this.#settled()
    if (!this.#held) this.#served?.connection.serveAgain()
  }

  /** Serves nothing until `release`: the requests wait in the kernel. */
  hold(): void {
    if (this.#served === null || this.#held) return
    this.#held = true
    native.epollRemove(this.thread.epoll, this.#served.fd)
    this.#settle()
  }

  /** What is still being copied up is waited for, by coming back at each wake. */
  #settle(): void {
    this.settles = true
    if (!this.engine.placeFilled(true)) this.#settled()
    else if (this.#held) this.say({ kind: 'settling' })
  }

  #settled(): void {
    this.settles = false
    if (this.#result !== null) this.say({ kind: 'over', result: this.#result })
    else if (this.#held) this.say({ kind: 'held' })
  }

  release(): void {
    if (this.#served === null || !this.#held) return
    this.#held = false
    this.settles = false
    native.epollAdd(this.thread.epoll, this.#served.fd, this.id)
    this.tend()
  }

  /** Nothing is served any more, with `result` of the last `serve`. */
  leaveDevice(result: number): void {
    if (this.#result !== null) return
    this.#result = result
    if (this.#served !== null) {
      // What was written last, which the device knows.
      this.engine.tendIndex()
      if (!this.#held) native.epollRemove(this.thread.epoll, this.#served.fd)
      this.binding.device = null
      this.#served.device.close()
      this.#served = null
    }
    this.#settle()
  }

  /** Releases everything. `isSynced`: the upper is on disk already. */
  close(isSynced: boolean): void {
    this.engine.close(isSynced)
    this.say({ kind: 'ended', result: this.#result ?? 0 })
  }

  /** After a fault: the connection ends at once, and whoever uses the mount is told so by the kernel. */
  abandon(): void {
    this.#served?.device.close()
    this.#served = null
    try {
      this.engine.close()
    } catch {
      // The fault has been told; what it left open ends with the process.
    }
  }

  /** A question that throws is a bug in the answer, not a reason to stop serving. */
  answer(question: Question): unknown {
    const { engine } = this
    try {
      if (question.what === 'which') return engine.which(question.path)
      if (question.what === 'owners') return engine.owners(question.path, question.after, OWNERS_PER_ANSWER)
      if (question.what === 'changelog') return { told: engine.flushChangeLog() }
      if (question.what === 'limit') return this.#limit(question.change)
      if (question.what === 'settle') return engine.placeFilled(true)
      if (question.what === 'describe') return this.#describe()
      return question.what === 'counters' ? this.#counters() : this.#freezing(question)
    } catch (error) {
      const fields = { error: String(error) }
      this.say({ kind: 'log', level: 'error', message: `cannot answer ${question.what}`, fields })
      return null
    }
  }

  #limit(change: LimitChange): unknown {
    const { size, inodes, recount } = change
    // What a new limit changes is among what the end of a drain puts back.
    if (size !== undefined || inodes !== undefined || recount) this.#drain.end()
    return this.engine.limit(change)
  }

  #freezing(question: FreezingQuestion): unknown {
    if (question.what === 'drain') return !this.#held && this.#served !== null && this.#drain.begin()
    return answerFreezing(question, this.engine, this.#drain, this.#served?.device.counters[DEVICE_WRITES] ?? 0)
  }

  /** Above a metadata image (engine=hybrid) there is nothing to serve. */
  get #isBesideImage(): boolean {
    return this.start.config.metadata?.inImage === true
  }

  #describe(): Record<string, unknown> | null {
    if (this.#isBesideImage) return { ...this.engine.describe(), protocol: null }
    if (this.#served === null) return null
    const { agreed } = this.#served.session
    const protocol = agreed === null ? null : `${agreed.major}.${agreed.minor}`
    const recovery = recoveryOf(this.memory !== null, agreed)
    return { ...this.engine.describe(), awake: this.#served.awake, protocol, recovery }
  }

  #counters(): Record<string, unknown> | null {
    if (this.#isBesideImage) return { ...this.engine.counters(), index: this.engine.indexCounters() }
    if (this.#served === null) return null
    const { session, device } = this.#served
    const [reads, bytesRead, writes, bytesWritten, requests, failedReplies, awakenings] = device.counters
    const memory = process.memoryUsage()
    return {
      ...this.engine.counters(),
      index: this.engine.indexCounters(),
      requests,
      faults: session.counters.faults,
      malformed: session.counters.malformed,
      failedReplies,
      awakenings,
      data: { reads, bytesRead, writes, bytesWritten },
      memory: { rss: memory.rss, heapUsed: memory.heapUsed },
      byKind: session.counters.byName(),
    }
  }

  #makeSession(device: Device): Session {
    const { memory } = this
    const { timeout, config } = this.start
    const choices = { timeout, acl: config.acl, overlaid: config.metadata !== undefined }
    return new Session({
      operations: this.engine.operations,
      request: device.request,
      reply: device.reply,
      port: dataPort(device),
      config: sessionConfig(choices, this.engine.dataWish, {
        resends: memory !== null,
        agreed: (answer) => {
          if (memory !== null) memory.terms = termsOf(answer)
        },
      }),
      journal: this.engine.ledger?.journal,
      fault: (error, request) => {
        const stack = sourceStack(error)
        this.say({ kind: 'log', level: 'error', message: 'a request failed inside', fields: { request, stack } })
      },
    })
  }
}
