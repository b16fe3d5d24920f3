/** Long work that Ctrl-C and SIGTERM end cleanly. */
import { printError } from './errors.js'

/**
 * Runs `work` so that Ctrl-C and SIGTERM end it with everything cleaned up; then the exit code is what a shell expects.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T | number> {
  const abort = new AbortController()
  let code = 0
  const stop = (signal: NodeJS.Signals, number: number) => {
    code = 128 + number
    abort.abort(new Error(`ended by ${signal}`))
  }
  const onInt = () => stop('SIGINT', 2)
  const onTerm = () => stop('SIGTERM', 15)
  process.once('SIGINT', onInt).once('SIGTERM', onTerm)
  try {
    return await work(abort.signal)
  } catch (error) {
    if (code === 0) throw error
    printError('interrupted: nothing was left')
    return code
  } finally {
    process.off('SIGINT', onInt).off('SIGTERM', onTerm)
  }
}
