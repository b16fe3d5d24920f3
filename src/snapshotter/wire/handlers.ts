/**
 * From a function of a request to what gRPC calls: each call is timed and counted, and what it throws becomes a status.
 */
import { performance } from 'node:perf_hooks'
import type { handleServerStreamingCall, handleUnaryCall, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js'
import { status } from '@grpc/grpc-js'
import type { Log } from '../../base/log.js'
import { sourceStack } from '../../base/source-stack.js'
import { Refusal, statusOf } from './refusal.js'

/** Who calls: the namespace of containerd, and the lease that keeps what is made from being collected. */
export interface Caller {
  readonly namespace: string
  readonly lease: string
  /** Ends when the caller has given up. */
  readonly signal?: AbortSignal
}

/** Hears of every call: its method, how long it took in seconds, and its gRPC code. */
export type Observe = (method: string, seconds: number, code: status) => void

export interface Handling {
  readonly log: Log
  readonly observe: Observe
}

function callerOf(call: ServerUnaryCall<unknown, unknown>): Caller {
  const first = (name: string): string => String(call.metadata.get(name)[0] ?? '')
  let signal: AbortSignal | null = null
  return {
    namespace: first('containerd-namespace'),
    lease: first('containerd-lease'),
    // Few calls last so long that it matters, and each would pay for it.
    get signal() {
      signal ??= signalOf(call)
      return signal
    },
  }
}

function signalOf(call: ServerUnaryCall<unknown, unknown>): AbortSignal {
  const gone = new AbortController()
  const end = () => gone.abort(new Refusal(status.CANCELLED, 'the caller has given up'))
  if (call.cancelled) end()
  else call.once('cancelled', end)
  return gone.signal
}

/**
 * The caller, with the namespace that the snapshot `key` (NAMESPACE/NUMBER/NAME) is of where the call names none:
 * containerd tells proxied differs neither namespace nor lease (containerd#12328).
 */
export function inNamespaceOf(caller: Caller, key: string): Caller {
  if (caller.namespace !== '') return caller
  return { ...caller, namespace: /^([^/]+)\/\d+\//.exec(key)?.[1] ?? '' }
}

/** A call with one answer. */
export function unary<Request, Response>(
  { log, observe }: Handling,
  method: string,
  answer: (request: Request, caller: Caller) => Promise<Response> | Response,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const begun = performance.now()
    const done = (code: status) => observe(method, (performance.now() - begun) / 1000, code)
    void (async () => answer(call.request, callerOf(call)))().then(
      (response) => {
        done(status.OK)
        callback(null, response)
      },
      (error) => {
        const { code, details } = told(log, method, error)
        done(code)
        callback({ code, details })
      },
    )
  }
}

/** A call whose answers come one by one. */
export function streaming<Request, Response>(
  { log, observe }: Handling,
  method: string,
  answers: (request: Request) => Iterable<Response>,
): handleServerStreamingCall<Request, Response> {
  return (call) => {
    const begun = performance.now()
    const done = (code: status) => observe(method, (performance.now() - begun) / 1000, code)
    send(call, answers).then(
      () => {
        done(status.OK)
        call.end()
      },
      (error) => {
        const { code, details } = told(log, method, error)
        done(code)
        call.emit('error', { code, details })
      },
    )
  }
}

async function send<Request, Response>(
  call: ServerWritableStream<Request, Response>,
  answers: (request: Request) => Iterable<Response>,
): Promise<void> {
  for (const answer of answers(call.request)) {
    if (call.cancelled) return
    if (!call.write(answer)) await new Promise((resolve) => call.once('drain', resolve).once('close', resolve))
  }
}

function told(log: Log, method: string, error: unknown): { code: status; details: string } {
  const { code, details, isOurs } = statusOf(error)
  if (isOurs) log('error', `${method} failed`, { error: sourceStack(error) })
  else if (code === status.UNKNOWN) log('warn', `${method}: ${details}`)
  else log('debug', `${method}: ${details}`, { code: status[code] })
  return { code, details }
}
