/**
 * The writer's thread: reads messages of the engine until it says that it has ended, or the main thread that it has
 * died.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { native } from '../../syscalls/native.js'
import { type FromWriter, Slot, type ToWriter, type WriterStart } from '../database/shared-state.js'
import { IndexWriter } from './writer.js'

const main = parentPort as NonNullable<typeof parentPort>
const { start, engine } = workerData as { start: WriterStart; engine: MessagePort }
const say = (message: FromWriter): void => main.postMessage(message)
// A tenth of what others get where processors are short: nobody waits for the writer but who ends the mount.
native.stepBack(10)
const writer = IndexWriter.begin(start, say)

/**
 * The engine holds changes back while nothing comes in; so that they are not old, it is woken for them now and then.
 */
const WAKE_MS = 500
const waking = setInterval(() => {
  if (Atomics.load(start.shared, Slot.PENDING) === 1) native.signalEvent(start.wakeFd)
}, WAKE_MS)

function take(message: ToWriter): void {
  if (writer !== null && !writer.take(message)) return
  if (writer === null && message.kind !== 'end') return
  say({ kind: 'ended' })
  clearInterval(waking)
  engine.close()
  main.close()
}

engine.on('message', take)
main.on('message', (message: 'crashed' | 'fill' | 'drop') => {
  // After a crash what the engine did last may be unknown, so the database stays marked.
  if (message === 'crashed') process.exit(0)
  take({ kind: message })
})
