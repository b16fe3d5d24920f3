/** The thread that makes a metadata image beside a mount, or before it; it says how that ended, and ends. */
import { constants, setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { StratafsError } from '../../../base/failure.js'
import type { ImageAnswer, ImageOrder } from './image-order.js'
import { makeImage } from './make-image.js'

const { config, isHurried, givenUp } = workerData as ImageOrder
// Of this thread: who works in the mount comes first.
if (!isHurried) setPriority(0, constants.priority.PRIORITY_LOW)
const made = makeImage(config, () => Atomics.load(givenUp, 0) !== 0)
const answer: ImageAnswer = made instanceof StratafsError ? { refusal: made.message } : { made }
parentPort?.postMessage(answer)
