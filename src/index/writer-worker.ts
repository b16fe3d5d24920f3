/**
 * The writer's thread: reads messages of the engine until it says that it has ended, or the main thread that it has died.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import type { FromWriter, ToWriter } from './shared-state.js'
import { IndexWriter, type WriterStart } from './writer.js'

const main = parentPort as NonNullable<typeof parentPort>
const { start, engine } = workerData as { start: WriterStart; engine: MessagePort }
const say = (message: FromWriter): void => main.postMessage(message)
const writer = IndexWriter.begin(start, say)

function take(message: ToWriter): void {
  if (writer !== null && !writer.take(message)) return
  if (writer === null && message.kind !== 'end') return
  say({ kind: 'ended' })
  engine.close()
  main.close()
}

engine.on('message', take)
main.on('message', (message: 'crashed' | 'fill') => {
  // After a crash what the engine did last may be unknown, so the database stays marked.
  if (message === 'crashed') process.exit(0)
  take({ kind: 'fill' })
})
