/**
 * The FUSE session: one request in the request buffer, at most one reply in the reply buffer, never a throw. It holds
 * no descriptor and waits for nothing, so that tests feed it bytes. Requests are served one after the other, each to
 * its end.
 *
 * What the kernel must never see is stopped here. That is a reply to a message that has none, an error outside its
 * range, or a reply whose unique is 0 (a notification). So is an accidental ENOSYS, which ends that kind of message for
 * the whole connection.
 */
import { Errno, errnoName, LATER, PENDING } from '../base/errno.js'
import type { DataPort, Operations } from '../operations/contract.js'
import type { InitAnswer } from '../protocol/init.js'
import { IN_HEADER, MAX_REPLY_ERRNO, OUT_HEADER, opcodeNames } from '../protocol/opcodes.js'
import { printArguments } from '../protocol/print.js'
import { MALFORMED } from '../protocol/requests.js'
import { resumeTerms } from './connection.js'
import { Context, type SessionConfig } from './context.js'
import { Counters } from './counters.js'
import { type Operation, operations as table } from './opcodes.js'

/** Told of a bug: what was thrown, and the request in the trace's words. It must not throw. */
type Fault = (error: unknown, request: string) => void

/** What a session is made of. */
interface SessionParts {
  readonly operations: Operations
  /** The transport's two buffers; both stay the same for ever. */
  readonly request: ArrayBuffer
  readonly reply: ArrayBuffer
  readonly port: DataPort
  readonly config: SessionConfig
  readonly fault: Fault
  /** Notes how far the request in hand has come, for the process after this one. */
  readonly journal?: RequestJournal | undefined
}

interface RequestJournal {
  begin(uniqueLow: number, uniqueHigh: number, opcode: number): void
  done(): void
  isAgain: boolean
}

export class Session {
  readonly counters = new Counters()
  readonly #context: Context
  readonly #fault: Fault
  readonly #journal: RequestJournal | undefined
  /** The row of the request in view; undefined when it has none. */
  #row: Operation | undefined

  constructor(parts: SessionParts) {
    this.#context = new Context(parts.request, parts.reply, parts.operations, parts.port, parts.config)
    this.#fault = parts.fault
    this.#journal = parts.journal
  }

  /** Goes on with what INIT agreed on with the process before this one. */
  resume(answer: InitAnswer): void {
    resumeTerms(this.#context, answer)
  }

  /** As `handle`, of the request that was in hand when that process died, answered by `operations`. */
  handleAgain(length: number, operations: Operations): number {
    const context = this.#context
    const usual = context.operations
    context.operations = operations
    if (this.#journal !== undefined) this.#journal.isAgain = true
    const reply = this.handle(length)
    context.operations = usual
    return reply
  }

  /** Who sent the request in view. */
  get asker(): { readonly uid: number; readonly pid: number } {
    const { uid, pid } = this.#context.request
    return { uid, pid }
  }

  /** What INIT agreed on; null before. */
  get agreed(): InitAnswer | null {
    return this.#context.agreed
  }

  /**
   * Serves the request of `length` bytes in the request buffer. The bytes of reply now in the reply buffer, 0 for none,
   * or PENDING: nothing was done, and it is to be served again.
   */
  handle(length: number): number {
    const { request, reply } = this.#context
    const sound = request.begin(length)
    if (length < IN_HEADER) {
      this.#row = undefined
      this.counters.malformed++
      return 0
    }
    const row = this.#find()
    this.#journal?.begin(request.words[2]!, request.words[3]!, request.opcode)
    const result = sound ? this.#serve(row) : this.#malformed()
    this.#journal?.done()
    if (row?.encode.silent || request.unique === 0 || result === LATER) return 0
    if (result === PENDING) return PENDING
    return result < 0 ? reply.fail(request, result) : reply.finish(request, result)
  }

  #find(): Operation | undefined {
    const { opcode } = this.#context.request
    this.counters.request(opcode)
    this.#row = table[opcode]
    return this.#row
  }

  #malformed(): number {
    this.counters.malformed++
    return this.#failed(-Errno.EINVAL)
  }

  /** The size of the reply's body, or -errno as the kernel may see it. */
  #serve(row: Operation | undefined): number {
    if (row === undefined) return this.#failed(-Errno.ENOSYS)
    try {
      const result = this.#run(row)
      return result < 0 && !isOnWay(result) ? this.#failed(result) : result
    } catch (error) {
      return this.#broken(error)
    }
  }

  #run(row: Operation): number {
    const context = this.#context
    const { args, read } = row.decode
    context.nodeid = context.request.nodeid
    if (!Number.isSafeInteger(context.nodeid)) return -Errno.ESTALE
    const decoded = read(context.request, args)
    if (decoded === MALFORMED) this.counters.malformed++
    if (decoded < 0) return decoded
    const result = row.run(context, args)
    if (result >= 0) return row.encode.encode(context, result)
    if (isOnWay(result)) return result
    if (result === -Errno.ENOSYS && !row.declinable) return -Errno.EOPNOTSUPP
    if (result >= -MAX_REPLY_ERRNO && Number.isInteger(result)) return result
    throw new RangeError(`${row.name} returned ${result}`)
  }

  #failed(result: number): number {
    this.counters.error(this.#context.request.opcode)
    return result
  }

  /** The one place where a throw ends: logged with its request, answered EIO, and on to the next one. */
  #broken(error: unknown): number {
    this.counters.faults++
    this.#fault(error, this.describeRequest())
    return this.#failed(-Errno.EIO)
  }

  /**
   * The request last begun in one line, as `412 RENAME2 n7 {newdir:9 flags:NOREPLACE} "a" "b"`; for after `handle` too.
   */
  describeRequest(): string {
    const { request } = this.#context
    const { opcode } = request
    const row = table[opcode]
    const head = `${request.unique} ${row?.name ?? opcodeNames.get(opcode) ?? `opcode ${opcode}`} n${request.nodeid}`
    if (row === undefined) return head
    if (request.end === 0 || row.decode.read(request, row.decode.args) < 0) return `${head} (malformed)`
    return `${head} ${printArguments(row.decode.args, row.decode.formats)}`.trimEnd()
  }

  /** As `describeRequest` for a request not handled yet. */
  describeIncoming(length: number): string {
    this.#context.request.begin(length)
    return length < IN_HEADER ? `(${length} bytes, no request)` : this.describeRequest()
  }

  /** The reply of `length` bytes to the request last handled, in one line: `412 OK {…}`, `412 ENOENT`. */
  describeReply(length: number): string {
    const { request, reply } = this.#context
    if (length < OUT_HEADER) return `${request.unique} no reply`
    const error = reply.words[1]! | 0
    if (error !== 0) return `${request.unique} ${errnoName(error)}`
    return `${request.unique} OK ${this.#row?.encode.print(reply, length - OUT_HEADER) ?? ''}`.trimEnd()
  }
}

/** Whether the answer is not known yet. */
function isOnWay(result: number): boolean {
  return result === PENDING || result === LATER
}
