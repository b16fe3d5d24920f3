/**
 * What happens where no descriptor is free: every call that opens one, for its length or for good, asks those who keep
 * descriptors to let some go, and is made once more. Such a call has done nothing when it fails so. One place for all
 * of them, in the surface of the system calls, so that no call of the engine can be forgotten.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import type { Native } from '../../native-bindings/index.js'
import { Errno } from '../base/errno.js'

/** Lets descriptors go that are not in use; true where there were any. */
type MakeRoom = () => boolean

const opening: readonly (keyof Native)[] = [
  'openat',
  'openFile',
  'openBeneath',
  'openByHandle',
  'cloneMount',
  'eventfd',
  'mknodat',
  'chmodat',
  'utimensat',
  'truncateat',
  'getxattr',
  'setxattr',
  'listxattr',
  'removexattr',
  'readDirectory',
  'hasPrefix',
  'nameToHandle',
  'filesystemUuid',
  'getFlags',
  'setFlags',
  'syncfs',
]

/** Left to what is opened for one operation, to the control socket, and to copies beside the loop. */
const FOR_THE_REST = 24
const LEAST_KEPT = 4

/**
 * How many descriptors of a kind are kept: `most`, or the `part`th part of what this process may have and has not used.
 */
export function descriptorsToKeep(most: number, part: number): number {
  const limit = descriptorLimit() ?? part * most
  const free = limit - openDescriptors() - FOR_THE_REST
  return Math.min(most, Math.max(LEAST_KEPT, Math.floor(Math.min(limit / part, free / 2))))
}

/**
 * The number from which on a new descriptor says that the `part`th part of all is taken, by whatever mount or thread:
 * the kernel hands out the lowest that is free. Who keeps descriptors keeps fewer from there on.
 */
export function scarceFrom(part: number): number {
  const limit = descriptorLimit()
  return limit === null ? Number.POSITIVE_INFINITY : Math.floor(limit / part)
}

let limitRead: number | null | undefined

/** Of this process as it was when first asked: every mount asks. Null: none is known. */
function descriptorLimit(): number | null {
  if (limitRead !== undefined) return limitRead
  const limit = Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1])
  limitRead = Number.isNaN(limit) ? null : limit
  return limitRead
}

/** The directory's size is their number from Linux 6.2 on, and 0 before. */
function openDescriptors(): number {
  return statSync('/proc/self/fd').size || readdirSync('/proc/self/fd').length
}

const makers = new Set<MakeRoom>()
let making = false

/** `make` is asked from now on, in this thread; the answer takes it out again. */
export function onNoRoom(make: MakeRoom): () => void {
  makers.add(make)
  return () => makers.delete(make)
}

/** Asks everybody; true where there is room now. What is closed meanwhile may open nothing that asks again. */
function makeRoom(calls: Native): boolean {
  if (making) return false
  making = true
  try {
    calls.settleClosing()
    let made = false
    for (const make of makers) made = make() || made
    return made
  } finally {
    making = false
  }
}

function isFull(result: unknown): boolean {
  return result === -Errno.EMFILE || result === -Errno.ENFILE
}

/**
 * Other threads (copies, read-ahead, the index) hold descriptors for moments: so often, and so long, they are waited
 * for.
 */
const TRIES = 20
const PAUSE_MS = 5
const pause = new Int32Array(new SharedArrayBuffer(4))

/** `calls` in which each that opens is made again where there is room then. */
export function withRoom(calls: Native): Native {
  const surface = calls as unknown as Record<string, (...args: unknown[]) => unknown>
  for (const name of opening) {
    const real = surface[name]!
    surface[name] = (...args) => {
      let result = real(...args)
      if (isFull(result) && makeRoom(calls)) result = real(...args)
      for (let i = 0; isFull(result) && i < TRIES; i++) {
        Atomics.wait(pause, 0, 0, PAUSE_MS)
        makeRoom(calls)
        result = real(...args)
      }
      return result
    }
  }
  return calls
}
