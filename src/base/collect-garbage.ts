/**
 * Asks V8 for a full collection, in the thread that calls. A thread with nothing to do does not collect by itself, and
 * what it left behind when it was busy stays.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

let collect: (() => void) | null = null

/** Takes some ten milliseconds. */
export function collectGarbage(): void {
  collect ??= collector()
  collect()
}

/** V8 has no other way to be asked. */
function collector(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}
