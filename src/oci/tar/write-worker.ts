/** The thread that stores an archive while another makes it: takes the pieces in order. */
import { parentPort, workerData } from 'node:worker_threads'
import { errorWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { ArchiveStore } from './archive-store.js'
import { ABANDON, type ChannelStart, END, FAILED, FREE, PIECES, pieceOf, type Stored } from './write-channel.js'

const start = workerData as ChannelStart
const { state } = start

async function serve(): Promise<Stored | null> {
  const store = new ArchiveStore(start)
  for (let at = 0; ; at = (at + 1) % PIECES) {
    Atomics.wait(state, at, FREE)
    const length = Atomics.load(state, at)
    if (length === ABANDON) return null
    if (length === END) return store.finish()
    const taken = store.take(pieceOf(start.memory, at).subarray(0, length))
    if (taken !== undefined) await taken
    Atomics.store(state, at, FREE)
    Atomics.notify(state, at)
  }
}

/** The maker may be waiting for any piece. */
function fail(error: unknown): void {
  Atomics.store(state, FAILED, 1)
  for (let at = 0; at < PIECES; at++) {
    Atomics.store(state, at, FREE)
    Atomics.notify(state, at)
  }
  const { message } = error as Error
  parentPort!.postMessage({ error: error instanceof StratafsError ? message : errorWords(error) } satisfies Stored)
}

serve().then((stored) => {
  if (stored !== null) parentPort!.postMessage(stored)
}, fail)
