/**
 * Serving a mount on where another process has died: INIT's terms are taken over, what that process read and did not
 * answer is asked for again, and the request that it had in hand is answered first.
 */
import { errnoWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { createEngine, type Engine } from '../../operations/engine.js'
import { keepForgets } from '../../operations/resume.js'
import { InitFlag2 } from '../../protocol/flags.js'
import { answerOf, type InitAnswer } from '../../protocol/init.js'
import { FUSE_ROOT_ID, Opcode } from '../../protocol/opcodes.js'
import type { Session } from '../../session/session.js'
import type { Connection } from '../../transport/dev-fuse.js'
import type { LogFunction } from '../../union/context/union.js'
import type { ForgetMessage } from '../../union/state/forgets.js'
import type { Journal } from '../../union/state/journal.js'
import type { Ledger } from '../../union/state/ledger.js'
import { StateMemory } from '../../union/state/memory.js'
import type { BegunConnection } from '../options/mount-settings.js'
import type { EngineStart } from './engine-messages.js'
import { LateBinding } from './late-binding.js'

interface Resumed {
  readonly engine: Engine
  readonly memory: StateMemory
  readonly session: Session
  readonly connection: Connection
  readonly log: LogFunction
}

/**
 * The FORGET that lies in the request buffer; null: another request does.
 * fuse_forget_in: u64 nlookup @40 · fuse_batch_forget_in: u32 count @40, then u64 nodeid, u64 nlookup from @48.
 */
function forgetIn(memory: StateMemory): ForgetMessage | null {
  const view = new DataView(memory.request)
  const [opcode, low, high] = [view.getUint32(4, true), view.getUint32(8, true), view.getUint32(12, true)]
  const at = (offset: number) => Number(view.getBigUint64(offset, true))
  if (opcode === Opcode.FORGET) return { low, high, pairs: [[at(16), at(40)]] }
  if (opcode !== Opcode.BATCH_FORGET) return null
  const count = Math.min(view.getUint32(40, true), (memory.request.byteLength - 48) >> 4)
  return { low, high, pairs: Array.from({ length: count }, (_, i) => [at(48 + i * 16), at(56 + i * 16)] as const) }
}

/** Before the request buffer is read into: what lies there, and nobody will send again, is kept. */
export function keepLeftBehind(memory: StateMemory, ledger: Ledger): void {
  const message = forgetIn(memory)
  const { journal } = ledger
  if (message === null || journal.isDone(message.low, message.high)) return
  if (ledger.forgets.has(message.low, message.high)) return
  keepForgets(ledger, message, journal.isInHand(message.low, message.high))
}

export function resumeServing({ engine, memory, session, connection, log }: Resumed): void {
  const began = performance.now()
  const { terms } = memory
  if (terms !== null) session.resume(answerOf(terms))
  const journal = engine.ledger!.journal
  const taken = connection.takeOver(() => {
    const message = forgetIn(memory)
    return message !== null && engine.ledger!.forgets.keep(message)
  })
  if (typeof taken === 'number')
    log('error', 'requests that were under way cannot be asked for again', { errno: errnoWords(taken) })
  const lost = journal.unanswered
  if (typeof taken === 'number') for (const [low, high] of lost) connection.fail(low, high)
  journal.clearAside()
  const requests = typeof taken === 'number' ? [] : taken
  const inHand = requests.findIndex((bytes) => isInHand(journal, bytes))
  const operations = engine.resume({ comesAgain: inHand >= 0 })
  const [first] = inHand < 0 ? [] : requests.splice(inHand, 1)
  if (first !== undefined) connection.serveTaken(first, operations)
  for (const bytes of requests) connection.serveTaken(bytes, null)
  const milliseconds = Math.round(performance.now() - began)
  log('warn', 'the process before this one died: the mount is served on', {
    lost: typeof taken === 'number' ? lost.length : 0,
    again: requests.length + (first === undefined ? 0 : 1),
    done: operations !== null,
    milliseconds,
  })
}

/** The terms were agreed on before there was an engine; the next process needs them, too. */
export function goOnWith({ terms }: BegunConnection, session: Session, memory: StateMemory | null): void {
  session.resume(answerOf(terms))
  if (memory !== null) memory.terms = terms
}

/** What becomes of a mount when its process dies, and why. */
interface Recovery {
  /** `partial`: what is under way then ends with EIO. */
  readonly kind: 'full' | 'partial' | 'none'
  readonly why: string
}

export function recoveryOf(isKept: boolean, agreed: InitAnswer | null): Recovery {
  if (!isKept) return { kind: 'none', why: 'recover=off' }
  const resends = agreed !== null && (agreed.flags2 & InitFlag2.HAS_RESEND) !== 0
  return resends
    ? { kind: 'full', why: 'the kernel sends again what was not answered' }
    : { kind: 'partial', why: 'this kernel does not send again what was not answered (Linux 6.9)' }
}

function isInHand(journal: Journal, bytes: Uint8Array): boolean {
  const [, , low, high] = new Uint32Array(bytes.buffer, 0, 4)
  return (high! & 0x8000_0000) !== 0 && journal.isInHand(low!, high!)
}

const NAME = 'package.json'
const TERMS = { passthrough: false, noOpen: false, writeback: false }

/**
 * Makes an engine of `start`, takes it over as one whose process has died, and asks it: by a process that waits for
 * that. V8 makes code of a function when it runs first, which takes longer than what the function does, and after a
 * death somebody waits for it. Whether it came to its end.
 */
export function rehearse({ config, kept }: EngineStart): boolean {
  const memory = kept === null ? -1 : StateMemory.map(kept.state)
  if (kept === null || typeof memory === 'number') return false
  // The second one finds what the first one left.
  for (const resumed of [false, true]) {
    const { into, from } = kept
    const engine = createEngine({ ...config, resumed }, new LateBinding(), () => {}, { memory, into, from })
    if (engine instanceof StratafsError) return false
    const { operations } = engine
    operations.begin(TERMS)
    if (resumed) engine.resume({ comesAgain: false })
    const isFound = operations.lookup(FUSE_ROOT_ID, NAME) > 0
    operations.lookup(FUSE_ROOT_ID, `no-${NAME}`)
    operations.getattr(FUSE_ROOT_ID)
    engine.close()
    if (!isFound) return false
  }
  return true
}
