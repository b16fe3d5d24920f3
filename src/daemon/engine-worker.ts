/**
 * The engine's thread: builds the engine, waits for the device, serves it until it is unmounted or told to stop. From
 * `serve` on this thread is in one blocking native call; messages are read when the wake descriptor says so. Everything
 * the engine logs goes to the main thread, which alone owns the log.
 */
import { existsSync } from 'node:fs'
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { Errno } from '../base/errno.js'
import { pathBytes, shown } from '../base/text.js'
import { LowerIndex } from '../index/lower-index.js'
import { Slot, State, type ToWriter } from '../index/shared-state.js'
import { sharedPath } from '../index/stack-identity.js'
import type { DataBinding } from '../operations/contract.js'
import { createEngine, type Engine } from '../operations/engine.js'
import { Session } from '../session/session.js'
import { native } from '../syscalls/native.js'
import { dataBinding, dataPort, serve } from '../transport/dev-fuse.js'
import type { EngineStart, FromEngine, Question, ToEngine } from './engine-messages.js'

/** Room for the largest WRITE (1 MiB) and its headers. */
const BUFFER_BYTES = (1 << 20) + 4096

const port = parentPort as NonNullable<typeof parentPort>
const start = workerData as EngineStart

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
}

const binding = new LateBinding()
const engine = createEngine(start.config, binding, (level, message, fields = {}) =>
  say({ kind: 'log', level, message, fields }),
)
if ('error' in engine) {
  say({ kind: 'built', refusal: engine.error })
} else {
  useIndex(engine)
  port.once('message', (message: ToEngine) => begin(engine, message))
  say({ kind: 'built', refusal: null, stack: engine.stack, upperFd: engine.upperFd })
}

/** Joins the engine and its index. A mount without a workdir only uses what others have found out about its layers. */
function useIndex(engine: Engine): void {
  const { index } = start
  if (index === null) return
  const identity = index.path === null ? engine.identity() : null
  const path = index.path ?? sharedPath(identity as string)
  if (index.path === null && !existsSync(pathBytes(path))) return
  if (index.path === null) Atomics.store(index.shared, Slot.STATE, State.READY)
  const { immutable, shared, since } = index
  const post = (message: ToWriter): void => index.port?.postMessage(message)
  const edited = (layer: number, at: string): void => {
    const message = 'a lower layer was edited since the index was filled'
    say({ kind: 'log', level: 'warn', message, fields: { layer, first: shown(at) } })
  }
  engine.useIndex(new LowerIndex({ path, identity, immutable, shared, since, post, edited }))
}

/** The first message: serve a device, or go away because the mount failed. */
function begin(engine: Engine, message: ToEngine): void {
  const result = message.kind === 'serve' ? serveDevice(engine, message.fd) : 0
  engine.close()
  say({ kind: 'ended', result })
}

function serveDevice(engine: Engine, fd: number): number {
  const device = new native.Device(fd, start.wakeFd, BUFFER_BYTES)
  const session = makeSession(engine, device)
  binding.device = dataBinding(device, start.wakeFd)
  const answer = (question: Question) => answerQuestion(question, engine, session, device.counters)
  say({ kind: 'serving' })
  const trace = start.trace ? (line: string) => say({ kind: 'trace', line }) : undefined
  const result = serve(device, session, {
    onWake: () => {
      engine.flushIndex()
      return readMessages(answer)
    },
    trace,
  })
  binding.device = null
  device.close()
  return result
}

function makeSession(engine: Engine, device: InstanceType<typeof native.Device>): Session {
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
      readdirplus: 'auto',
    },
    fault: (error, request) => {
      const stack = error instanceof Error ? error.stack : String(error)
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
    if (message.kind === 'ask') say({ kind: 'answer', id: message.id, value: answer(message.question) })
  }
}

/** A question that throws is a bug in the answer, not a reason to stop serving. */
function answerQuestion(question: Question, engine: Engine, session: Session, device: Float64Array): unknown {
  try {
    if (question.what === 'which') return engine.which(question.path)
    return question.what === 'describe' ? describe(engine, session) : countersOf(engine, session, device)
  } catch (error) {
    say({ kind: 'log', level: 'error', message: `cannot answer ${question.what}`, fields: { error: String(error) } })
    return null
  }
}

function describe(engine: Engine, session: Session): Record<string, unknown> {
  const { agreed } = session
  return { ...engine.describe(), protocol: agreed === null ? null : `${agreed.major}.${agreed.minor}` }
}

function countersOf(engine: Engine, session: Session, device: Float64Array): Record<string, unknown> {
  const [reads, bytesRead, writes, bytesWritten, requests, failedReplies] = device
  const memory = process.memoryUsage()
  return {
    ...engine.counters(),
    requests,
    faults: session.counters.faults,
    malformed: session.counters.malformed,
    failedReplies,
    data: { reads, bytesRead, writes, bytesWritten },
    memory: { rss: memory.rss, heapUsed: memory.heapUsed },
    byKind: session.counters.byName(),
  }
}
