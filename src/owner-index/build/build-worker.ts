/**
 * The second thread of a build: writes batches of rows in the order in which they come, each in one transaction. At the
 * first error it says what went wrong and ends: the build is thrown away then.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { codeOf } from '../database/database.js'
import { type FromStoring, type ToStoring, unpackRows } from './row-batches.js'
import { openUnfinished } from './unfinished.js'

const reader = parentPort as NonNullable<typeof parentPort>
const say = (message: FromStoring): void => reader.postMessage(message)
const store = openUnfinished((workerData as { path: string }).path)

function take(batch: ToStoring): void {
  if (batch === null) return end()
  store.begin()
  for (const { id, parent, rows } of unpackRows(batch)) store.insert(id, rows, parent)
  store.commit()
  say({ stored: true })
}

function fail(error: Error): void {
  say({ error: error.message, code: codeOf(error) })
  reader.close()
}

function end(): void {
  store.close()
  reader.close()
}

reader.on('messageerror', (error) => fail(error))
reader.on('message', (batch: ToStoring) => {
  try {
    take(batch)
  } catch (error) {
    fail(error as Error)
  }
})
