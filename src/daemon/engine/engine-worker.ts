/**
 * An engine's thread: builds the engines of its mounts, waits for their devices, serves whichever has a request, until
 * each is unmounted or told to stop. While it serves it is in one blocking call or another, so messages are read when
 * the wake descriptor says so; with no mount it is in its event loop. Everything that is logged goes to the main
 * thread, which alone owns the logs.
 */
import { setFlagsFromString } from 'node:v8'
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { collectGarbage } from '../../base/collect-garbage.js'
import { Errno } from '../../base/errno.js'
import { sourceStack } from '../../base/source-stack.js'
import { type Device, native } from '../../syscalls/native.js'
import type { FromMount, ToEngine } from './engine-messages.js'
import { rehearse } from './resume-serving.js'
import { ServedMount } from './served-mount.js'

/**
 * How much of a function runs before V8 compiles it for speed: a seventh of V8's default, which suits browsers. A mount
 * often does one large thing right after its start (an unpacking, a build), and that took a tenth longer with the
 * default (docs/decisions/0015-what-metadata-costs.md). It is set this late because V8 refuses cached code that was
 * made under other flags.
 */
const SOON_COMPILED = '--interrupt-budget=10000'

/**
 * V8's default, once a thread has had so many mounts, or is so old when it gets one more. What a mount does in a hurry
 * is compiled by then, and its own beginning, which runs once for each, is not worth what compiling it takes.
 */
const USUALLY_COMPILED = '--interrupt-budget=67584'
const MOUNTS_OF_A_BEGINNER = 8
const AGE_OF_A_BEGINNER_MS = 30_000

/** The key of the wake descriptor among those waited for. Mounts have theirs from 1. */
const WAKE = 0

/** Nobody waits for a thread that has not been asked anything for so long. */
const LULL_MS = 500

const port = parentPort as NonNullable<typeof parentPort>
const { wakeFd } = workerData as { wakeFd: number }
const epoll = native.epollCreate()
native.epollAdd(epoll, wakeFd, WAKE)

const mounts = new Map<number, ServedMount>()
/** Those with a device. */
let served = 0
let isServing = false
/** Mounts have gone, and what they left has not been collected yet. */
let owesGarbage = false

const born = performance.now()
/** Mounts that were begun here. */
let begun = 0

const thread = { epoll, wakeFd, sibling, isAlone: () => served <= 1 }

port.on('message', (message: ToEngine) => {
  take(message)
  serveAll()
})

function sibling(): Device | null {
  for (const { device } of mounts.values()) if (device !== null) return device
  return null
}

/** Whether the thread is to wait for devices, or for copies whose mounts have ended. */
function isNeeded(): boolean {
  return served > 0 || [...mounts.values()].some((mount) => mount.settles)
}

/** Serves until no mount has a device, and none has anything left to be copied up. */
function serveAll(): void {
  if (isServing || !isNeeded()) return
  isServing = true
  setCompiler()
  while (isNeeded()) {
    const key = native.epollWait(epoll, owesGarbage ? LULL_MS : -1)
    if (key === WAKE) wake()
    else if (key === -Errno.ETIMEDOUT) giveBack()
    else if (key > 0) serve(key)
    else throw new Error(`the devices cannot be waited for: errno ${-key}`)
  }
  isServing = false
}

function setCompiler(): void {
  const isBeginner = begun <= 1 || (begun < MOUNTS_OF_A_BEGINNER && performance.now() - born < AGE_OF_A_BEGINNER_MS)
  setFlagsFromString(isBeginner ? SOON_COMPILED : USUALLY_COMPILED)
}

function serve(key: number): void {
  const mount = mounts.get(key)
  if (mount === undefined) return
  const result = guarded(mount, () => mount.serve())
  if (result !== undefined && result < 0) end(mount, result)
}

/** Reads every message that has come, and lets each mount see to what it has waited for. */
function wake(): void {
  native.drainEvent(wakeFd)
  for (;;) {
    const received = receiveMessageOnPort(port) as { message: ToEngine } | undefined
    if (received === undefined) break
    take(received.message)
  }
  for (const mount of [...mounts.values()]) guarded(mount, () => mount.tend())
}

function take(message: ToEngine): void {
  const say = (told: FromMount): void => port.postMessage({ mount: message.mount, ...told })
  if (message.kind === 'rehearse' && message.start !== null) rehearse(message.start)
  if (message.kind === 'probe' || message.kind === 'rehearse') return say({ kind: 'alive' })
  if (message.kind === 'give-back') return owe()
  if (message.kind === 'build') {
    const built = ServedMount.build(message.mount, message.start, thread, say)
    if (built !== null) mounts.set(built.id, built)
    begun++
    if (isServing) setCompiler()
    return
  }
  const mount = mounts.get(message.mount)
  if (mount !== undefined) guarded(mount, () => act(mount, message, say))
}

function owe(): void {
  owesGarbage = true
  if (served === 0) giveBack()
}

function giveBack(): void {
  owesGarbage = false
  collectGarbage()
}

function act(mount: ServedMount, message: ToEngine, say: (told: FromMount) => void): void {
  if (message.kind === 'serve') {
    served++
    mount.begin(message.fd, message.begun)
  } else if (message.kind === 'ask') say({ kind: 'answer', id: message.id, value: mount.answer(message.question) })
  else if (message.kind === 'hold') mount.hold()
  else if (message.kind === 'release') mount.release()
  else if (message.kind === 'stop') end(mount, 0)
  else if (message.kind === 'close') close(mount, message.isSynced)
}

/** The device has ended, or is given up. What is left to do waits for `close`. */
function end(mount: ServedMount, result: number): void {
  if (mount.device !== null) served--
  guarded(mount, () => mount.leaveDevice(result))
}

function close(mount: ServedMount, isSynced: boolean): void {
  if (mount.device !== null) return
  mounts.delete(mount.id)
  guarded(mount, () => mount.close(isSynced))
}

/** A throw is a fault of ours: it ends the mount that has it, and no other. */
function guarded<T>(mount: ServedMount, act: () => T): T | undefined {
  try {
    return act()
  } catch (error) {
    const isThere = mounts.delete(mount.id)
    if (isThere && mount.device !== null) served--
    mount.abandon()
    port.postMessage({ mount: mount.id, kind: 'crashed', stack: sourceStack(error) })
    return undefined
  }
}
