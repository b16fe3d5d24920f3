/**
 * What happens where no descriptor is free: every call that opens one, for its length or for good, asks those who keep
 * descriptors to let some go, and is made once more. Such a call has done nothing when it fails so. One place for all of
 * them, in the surface of the system calls, so that no call of the engine can be forgotten.
 */
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

/** `calls` in which each that opens is made a second time where there is room then. */
export function withRoom(calls: Native): Native {
  const surface = calls as unknown as Record<string, (...args: unknown[]) => unknown>
  for (const name of opening) {
    const real = surface[name]!
    surface[name] = (...args) => {
      const result = real(...args)
      const isFull = result === -Errno.EMFILE || result === -Errno.ENFILE
      return isFull && makeRoom(calls) ? real(...args) : result
    }
  }
  return calls
}
