/**
 * Has a metadata image made on a thread of its own: in a lull after a mount has begun without one, or while a mount
 * waits that cannot do without. What is being made when the mount ends is given up.
 */
import { Worker } from 'node:worker_threads'
import type { Log } from '../../../base/log.js'
import { shown } from '../../../base/text.js'
import type { UnionConfig } from '../../../union/context/config.js'
import { hasImage } from './image-file.js'
import type { ImageAnswer, ImageOrder } from './image-order.js'

/** How old a mount gets before its image is made: many are gone by then. */
const BEGIN_MS = 1000

/** Makes the image now; why not, or null. */
export function makeNow(config: UnionConfig, log: Log): Promise<string | null> {
  return begin(config, true, log).answer
}

/** Makes the image some time from now, unless there is one; the function that gives it up. */
export function makeLater(config: UnionConfig, log: Log): () => Promise<void> {
  let end = async (): Promise<void> => {}
  const timer = setTimeout(() => {
    if (!hasImage(config)) end = begin(config, false, log).end
  }, BEGIN_MS)
  timer.unref()
  return () => {
    clearTimeout(timer)
    return end()
  }
}

/** `end` waits until the thread has released everything: it may hold layers. */
interface Making {
  readonly answer: Promise<string | null>
  end(): Promise<void>
}

function begin(config: UnionConfig, isHurried: boolean, log: Log): Making {
  const since = Date.now()
  const givenUp = new Int32Array(new SharedArrayBuffer(4))
  const order: ImageOrder = { config, isHurried, givenUp }
  const worker = new Worker(new URL('./image-worker.cjs', import.meta.url), { workerData: order, name: 'image' })
  const answered = new Promise<ImageAnswer>((resolve) => {
    worker.once('message', resolve)
    worker.once('error', (error) => resolve({ refusal: `the thread that makes it has failed: ${error.message}` }))
    worker.once('exit', () => resolve({ refusal: 'the thread that makes it has ended' }))
  })
  const answer = answered.then((told) => {
    if ('made' in told) {
      const { path, bytes, inodes } = told.made
      log('info', 'metadata image made', { path: shown(path), bytes, inodes, milliseconds: Date.now() - since })
      return null
    }
    if (givenUp[0] === 0) log('warn', 'there is no metadata image', { why: told.refusal })
    return told.refusal
  })
  const end = async (): Promise<void> => {
    Atomics.store(givenUp, 0, 1)
    await answer
  }
  return { answer, end }
}
