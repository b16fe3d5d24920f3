/**
 * What mounts leave in their host's memory when they go: objects that nobody needs, and room that the C library keeps.
 * A process with nothing to do looks for neither, and a host may have nothing to do for days.
 */
import { collectGarbage } from '../../base/collect-garbage.js'
import { native } from '../../syscalls/native.js'
import { enginePool } from '../engine/engine-pool.js'
import { writersThread } from '../engine/writers-thread.js'

/** After the last mount's end. Mounts that go one after the other are one occasion. */
const LULL_MS = 1_000
/** Then the threads have collected theirs: an engine's waits until nobody has asked it anything for a while. */
const COLLECTED_MS = 2_000

let waiting: NodeJS.Timeout | null = null

/** Gives back what can be, once no mount has ended for a moment. */
export function giveBackSoon(): void {
  next(LULL_MS, () => {
    collectGarbage()
    enginePool.giveBack()
    writersThread.giveBack()
    next(COLLECTED_MS, () => native.trimMemory())
  })
}

function next(milliseconds: number, act: () => void): void {
  if (waiting !== null) clearTimeout(waiting)
  waiting = setTimeout(act, milliseconds)
  waiting.unref()
}
