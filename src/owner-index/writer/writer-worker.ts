/**
 * The writers' thread: one writer for each mount that has a database. Each reads messages of its engine until that says
 * that it has ended, or the main thread that it has died. A fault of one writer ends that one.
 */
import { type MessagePort, parentPort } from 'node:worker_threads'
import { collectGarbage } from '../../base/collect-garbage.js'
import { sourceStack } from '../../base/source-stack.js'
import { native } from '../../syscalls/native.js'
import { type FromWriter, type FromWriters, Slot, type ToWriter, type ToWriters } from '../database/shared-state.js'
import { IndexWriter } from './writer.js'

const main = parentPort as NonNullable<typeof parentPort>
// A tenth of what others get where processors are short: nobody waits for the writer but who ends the mount.
native.stepBack(10)

/** One mount's writer; `writer` is null where the layers could not be opened. */
interface Writing {
  readonly writer: IndexWriter | null
  readonly engine: MessagePort
  readonly shared: Int32Array
  readonly wakeFd: number
  /** It is woken also when it has said nothing: it does not know what is written beside it. */
  readonly always: boolean
}

const writing = new Map<number, Writing>()

/**
 * An engine holds changes back while nothing comes in; so that they are not old, it is woken for them now and then.
 */
const WAKE_MS = 500
let waking: NodeJS.Timeout | null = null

function wakeEngines(): void {
  for (const { shared, wakeFd, always } of writing.values())
    if (always || Atomics.load(shared, Slot.PENDING) === 1) native.signalEvent(wakeFd)
}

main.on('message', (message: ToWriters) => {
  if (message.kind === 'begin') return begin(message)
  if (message.kind === 'crashed') return abandon(message.mount)
  if (message.kind === 'give-back') return collectGarbage()
  take(message.mount, { kind: message.kind })
})

function begin({ mount, start, engine }: Extract<ToWriters, { kind: 'begin' }>): void {
  const say = (told: FromWriter): void => main.postMessage({ mount, ...told } satisfies FromWriters)
  guarded(mount, () => {
    const { shared, wakeFd } = start
    writing.set(mount, {
      writer: IndexWriter.begin(start, say),
      engine,
      shared,
      wakeFd,
      always: (start.changelog ?? 0) > 0,
    })
    engine.on('message', (message: ToWriter) => take(mount, message))
    waking ??= setInterval(wakeEngines, WAKE_MS)
  })
}

function take(mount: number, message: ToWriter): void {
  const it = writing.get(mount)
  if (it === undefined) return
  guarded(mount, () => {
    if (it.writer !== null && !it.writer.take(message)) return
    if (it.writer === null && message.kind !== 'end') return
    leave(mount)
    main.postMessage({ mount, kind: 'ended' } satisfies FromWriters)
  })
}

/** After a crash what the engine did last may be unknown, so the database stays marked. */
function abandon(mount: number): void {
  guarded(mount, () => writing.get(mount)?.writer?.abandon())
  leave(mount)
  main.postMessage({ mount, kind: 'ended' } satisfies FromWriters)
}

function leave(mount: number): void {
  writing.get(mount)?.engine.close()
  writing.delete(mount)
  if (writing.size > 0 || waking === null) return
  clearInterval(waking)
  waking = null
}

function guarded(mount: number, act: () => void): void {
  try {
    act()
  } catch (error) {
    leave(mount)
    main.postMessage({ mount, kind: 'failed', message: String(error), stack: sourceStack(error) } satisfies FromWriters)
  }
}
