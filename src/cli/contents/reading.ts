/** Reading layers for a person: with a bar for each, and ended cleanly by a signal. */
import type { LayerInWork } from '../../library/image-store.js'
import { printError } from '../terminal/errors.js'
import { interruptible } from '../terminal/interruptible.js'
import { progressBar } from '../terminal/progress.js'

interface Watched {
  readonly signal: AbortSignal
  readonly notice: (words: string) => void
  readonly progress: (layer: LayerInWork, read: number, total: number | null) => void
}

/** What `work` gives, or the exit code where a signal ended it. */
export function whileReading<T>(work: (watched: Watched) => Promise<T>): Promise<T | number> {
  let bar = progressBar('')
  let current = -1
  const progress = ({ position, count }: LayerInWork, read: number, total: number | null) => {
    if (position !== current) bar = progressBar(`reading layer ${position + 1} of ${count}`)
    current = position
    bar.show(read, total)
  }
  return interruptible((signal) => work({ signal, notice: printError, progress }).finally(() => bar.clear()))
}
