/**
 * The engine's thread: is told what to build, builds the engine, waits for the device, serves it until it is unmounted
 * or told to stop. From `serve` on this thread is in one blocking native call; messages are read when the wake
 * descriptor says so. Everything the engine logs goes to the main thread, which alone owns the log.
 */
import { setFlagsFromString } from 'node:v8'
import { parentPort, receiveMessageOnPort } from 'node:worker_threads'
import { Errno } from '../../base/errno.js'
import { errnoWords } from '../../base/errno-words.js'
import { sourceStack } from '../../base/source-stack.js'
import type { DataBinding } from '../../operations/contract.js'
import { createEngine, type Engine } from '../../operations/engine.js'
import { turnsOf } from '../../owner-index/database/shared-state.js'
import { Session } from '../../session/session.js'
import { AT_FDCWD, O_WRONLY } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { dataBinding, dataPort, serve } from '../../transport/dev-fuse.js'
import type { LogFunction } from '../../union/context/union.js'
import { joinIndex } from './attach-index.js'
import { type AwakeChoice, chooseAwake, idleFacts } from './cpu-latency.js'
import {
  type EngineStart,
  type FromEngine,
  Gate,
  OWNERS_PER_ANSWER,
  type Question,
  type ToEngine,
} from './engine-messages.js'

/** Room for the largest WRITE (1 MiB) and its headers. */
const BUFFER_BYTES = (1 << 20) + 4096

/**
 * How much of a function runs before V8 compiles it for speed: a seventh of V8's default, which suits browsers. A mount
 * often does one large thing right after its start (an unpacking, a build), and that took a tenth longer with the
 * default (docs/decisions/0015-what-metadata-costs.md). It is set this late because V8 refuses cached code that was
 * made under other flags.
 */
const SOON_COMPILED = '--interrupt-budget=10000'

const port = parentPort as NonNullable<typeof parentPort>

function say(message: FromEngine): void {
  port.postMessage(message)
}

/** Stands for the device until there is one: the engine is built before anything is mounted. */
class LateBinding implements DataBinding {
  device: DataBinding | null = null

  get wakeFd(): number {
    return this.device?.wakeFd ?? -1
  }

  bind(nodeid: number, fd: number, writable: boolean): void {
    this.device?.bind(nodeid, fd, writable)
  }

  unbind(nodeid: number): void {
    this.device?.unbind(nodeid)
  }

  used(nodeid: number): boolean {
    return this.device?.used(nodeid) ?? false
  }

  openBacking(fd: number): number {
    return this.device?.openBacking(fd) ?? -Errno.ENODEV
  }

  closeBacking(id: number): void {
    this.device?.closeBacking(id)
  }

  forgetAttributes(nodeid: number): void {
    this.device?.forgetAttributes(nodeid)
  }

  storeContent(nodeid: number, fd: number, size: number): void {
    this.device?.storeContent(nodeid, fd, size)
  }

  readAhead(dirFd: number, name: string): void {
    this.device?.readAhead(dirFd, name)
  }
}

const binding = new LateBinding()
const log: LogFunction = (level, message, fields = {}) => say({ kind: 'log', level, message, fields })

port.once('message', (message: ToEngine) => {
  if (message.kind === 'build') build(message.start)
})

function build(start: EngineStart): void {
  const engine = createEngine(start.config, binding, log)
  if ('error' in engine) return say({ kind: 'built', refusal: engine.error })
  joinIndex(engine, start.index, log)
  port.once('message', (message: ToEngine) => begin(engine, start, message))
  say({ kind: 'built', refusal: null, stack: engine.stack, upperFd: engine.upperFd })
}

/** The second message: serve a device, or go away because the mount failed. */
function begin(engine: Engine, start: EngineStart, message: ToEngine): void {
  const result = message.kind === 'serve' ? serveDevice(engine, start, message.fd) : 0
  engine.close()
  say({ kind: 'ended', result })
}

function serveDevice(engine: Engine, start: EngineStart, fd: number): number {
  const device = new native.Device(fd, start.wakeFd, BUFFER_BYTES)
  const session = makeSession(engine, start, device)
  binding.device = dataBinding(device, start.wakeFd)
  const awake = keepAwake(start, engine, device)
  const answer = (question: Question) => answerQuestion(question, { engine, session, device, awake })
  say({ kind: 'serving' })
  setFlagsFromString(SOON_COMPILED)
  const trace = start.trace ? (line: string) => say({ kind: 'trace', line }) : undefined
  const result = serve(device, session, {
    onWake: () => {
      engine.tendIndex()
      return readMessages(answer)
    },
    trace,
    turns: start.index === null ? undefined : turnsOf(start.index.shared),
  })
  binding.device = null
  device.close()
  return result
}

/** The kernel's own way for a program to say what latency it can bear; whoever opens it holds it until it is closed. */
const LATENCY = '/dev/cpu_dma_latency'

/** As the mount wishes, where that can be had; what somebody asked for in vain is said. */
function keepAwake(start: EngineStart, engine: Engine, device: InstanceType<typeof native.Device>): AwakeChoice {
  const choice = chooseAwake(start.awake, idleFacts())
  const fd = choice.holds ? native.openat(AT_FDCWD, LATENCY, O_WRONLY, 0) : -1
  if (fd >= 0) device.keepAwake(fd)
  if (fd >= 0 || start.awake === 'off') return choice
  const why = choice.holds ? `${LATENCY} cannot be opened (${errnoWords(fd)})` : choice.why
  if (start.awake === 'on') engine.downgrade(`awake=1 is without effect: ${why}; idle processors halt`)
  return { holds: false, why }
}

function makeSession(engine: Engine, start: EngineStart, device: InstanceType<typeof native.Device>): Session {
  const seconds = start.timeout ?? Number.POSITIVE_INFINITY
  const { operations } = engine
  return new Session({
    operations,
    request: device.request,
    reply: device.reply,
    port: dataPort(device),
    config: {
      entryTimeout: seconds,
      attrTimeout: seconds,
      negativeTimeout: seconds,
      acl: start.config.acl,
      directIo: false,
      data: engine.dataWish,
      readdirplus: 'on',
      overlaid: start.config.metadata !== undefined,
    },
    fault: (error, request) => {
      const stack = sourceStack(error)
      say({ kind: 'log', level: 'error', message: 'a request failed inside', fields: { request, stack } })
    },
  })
}

/** Reads every message that has come; true when one says stop. */
function readMessages(answer: (question: Question) => unknown): boolean {
  for (;;) {
    const received = receiveMessageOnPort(port) as { message: ToEngine } | undefined
    if (received === undefined) return false
    const { message } = received
    if (message.kind === 'stop') return true
    if (message.kind === 'hold') hold(message.gate, message.milliseconds)
    else if (message.kind === 'ask') say({ kind: 'answer', id: message.id, value: answer(message.question) })
  }
}

/** Waits, and so serves nothing. */
function hold(gate: Int32Array, milliseconds: number): void {
  say({ kind: 'held' })
  if (Atomics.wait(gate, 0, Gate.CLOSED, milliseconds) !== 'timed-out') return
  Atomics.compareExchange(gate, 0, Gate.CLOSED, Gate.EXPIRED)
  log('warn', 'the mount was held for longer than it was asked to be: it is served again')
}

/** The parts of the engine that answer questions. */
interface Served {
  readonly engine: Engine
  readonly session: Session
  readonly device: InstanceType<typeof native.Device>
  readonly awake: AwakeChoice
}

/** A question that throws is a bug in the answer, not a reason to stop serving. */
function answerQuestion(question: Question, served: Served): unknown {
  const { engine } = served
  try {
    if (question.what === 'which') return engine.which(question.path)
    if (question.what === 'owners') return engine.owners(question.path, question.after, OWNERS_PER_ANSWER)
    return question.what === 'describe' ? describe(served) : countersOf(served)
  } catch (error) {
    say({ kind: 'log', level: 'error', message: `cannot answer ${question.what}`, fields: { error: String(error) } })
    return null
  }
}

function describe({ engine, session, awake }: Served): Record<string, unknown> {
  const { agreed } = session
  return { ...engine.describe(), awake, protocol: agreed === null ? null : `${agreed.major}.${agreed.minor}` }
}

function countersOf({ engine, session, device }: Served): Record<string, unknown> {
  const [reads, bytesRead, writes, bytesWritten, requests, failedReplies, awakenings] = device.counters
  const memory = process.memoryUsage()
  return {
    ...engine.counters(),
    index: engine.indexCounters(),
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
