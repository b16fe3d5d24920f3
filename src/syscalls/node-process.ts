/**
 * The part of the addon's surface that is about the process and its surroundings, where there is no addon: who it is,
 * how it unmounts. Mounting is libfuse's then, and what only the device needs is refused.
 */
import { readFileSync } from 'node:fs'
import type { Native } from '../../native-bindings/index.js'
import { Errno } from '../base/errno.js'
import { refuse } from './node-paths.js'
import * as programs from './node-programs.js'

type Surroundings = Pick<
  Native,
  | 'enterEngineThread'
  | 'become'
  | 'stepBack'
  | 'trimMemory'
  | 'cloneMount'
  | 'mount'
  | 'umount'
  | 'fsopen'
  | 'fsconfig'
  | 'fsmount'
  | 'moveMount'
  | 'mountRoot'
  | 'isIdmapped'
  | 'fsMessage'
  | 'fusermount'
  | 'eventfd'
  | 'reserveDescriptors'
  | 'signalEvent'
  | 'notify'
  | 'syncfsBeside'
  | 'epollCreate'
  | 'epollAdd'
  | 'epollRemove'
  | 'epollWait'
  | 'drainEvent'
  | 'peerOf'
  | 'peerPidfd'
  | 'isRunning'
  | 'startCopy'
  | 'endCopy'
  | 'cancelCopy'
  | 'cloneContent'
  | 'startFill'
  | 'fillState'
  | 'waitFill'
  | 'endFill'
  | 'fillTouch'
  | 'fillShown'
  | 'startPrefetchCopy'
  | 'takePrefetchCopy'
  | 'dropPrefetchCopy'
  | 'prefetchDirectory'
  | 'stopWarming'
  | 'diskBlocksRead'
  | 'hasCapability'
  | 'memfd'
  | 'mapShared'
  | 'socketPair'
  | 'sendFds'
  | 'receiveFds'
  | 'writeSlot'
  | 'openLedger'
  | 'closeLedger'
  | 'addChunk'
  | 'tellSlot'
  | 'startGuard'
  | 'guardFd'
  | 'unguard'
  | 'Device'
>

/** One umask for the whole process, and no change of ids: what is made belongs to whoever mounts. */
let umask = -1

export const surroundings: Surroundings = {
  enterEngineThread() {
    umask = 0
    process.umask(0)
    return 1
  },
  become(_uid, _gid, wanted) {
    if (wanted !== umask) process.umask(wanted)
    umask = wanted
    return 0
  },
  stepBack: refuse(Errno.ENOSYS),
  trimMemory: () => 0,
  cloneMount: refuse(Errno.ENOSYS),
  mount: refuse(Errno.ENOSYS),
  umount: (target, flags) => programs.umount(target, flags),
  fsopen: refuse(Errno.ENOSYS),
  fsconfig: refuse(Errno.ENOSYS),
  fsmount: refuse(Errno.ENOSYS),
  moveMount: refuse(Errno.ENOSYS),
  mountRoot: refuse(Errno.ENOSYS),
  isIdmapped: refuse(Errno.ENOSYS),
  fsMessage: () => '',
  fusermount: refuse(Errno.ENOSYS),
  eventfd: refuse(Errno.ENOSYS),
  reserveDescriptors: refuse(Errno.ENOSYS),
  signalEvent: refuse(Errno.ENOSYS),
  notify: refuse(Errno.ENOSYS),
  syncfsBeside: () => Promise.resolve(-Errno.ENOSYS),
  epollCreate: refuse(Errno.ENOSYS),
  epollAdd: refuse(Errno.ENOSYS),
  epollRemove: refuse(Errno.ENOSYS),
  epollWait: refuse(Errno.ENOSYS),
  drainEvent: refuse(Errno.ENOSYS),
  peerOf: refuse(Errno.ENOSYS),
  peerPidfd: refuse(Errno.ENOSYS),
  isRunning: refuse(Errno.ENOSYS),
  startCopy: refuse(Errno.ENOSYS),
  endCopy: refuse(Errno.ENOSYS),
  cancelCopy: refuse(Errno.ENOSYS),
  cloneContent: refuse(Errno.ENOSYS),
  startFill: refuse(Errno.ENOSYS),
  fillState: refuse(Errno.ENOSYS),
  waitFill: refuse(Errno.ENOSYS),
  endFill: refuse(Errno.ENOSYS),
  fillTouch: refuse(Errno.ENOSYS),
  fillShown: refuse(Errno.ENOSYS),
  startPrefetchCopy: refuse(Errno.ENOSYS),
  takePrefetchCopy: refuse(Errno.ENOSYS),
  dropPrefetchCopy: refuse(Errno.ENOSYS),
  prefetchDirectory: refuse(Errno.ENOSYS),
  stopWarming: refuse(Errno.ENOSYS),
  diskBlocksRead: () => 0,
  memfd: refuse(Errno.ENOSYS),
  mapShared: refuse(Errno.ENOSYS),
  socketPair: refuse(Errno.ENOSYS),
  sendFds: refuse(Errno.ENOSYS),
  receiveFds: refuse(Errno.ENOSYS),
  writeSlot: refuse(Errno.ENOSYS),
  openLedger: refuse(Errno.ENOSYS),
  closeLedger: refuse(Errno.ENOSYS),
  addChunk: refuse(Errno.ENOSYS),
  tellSlot: refuse(Errno.ENOSYS),
  startGuard: refuse(Errno.ENOSYS),
  guardFd: () => -1,
  unguard: () => 0,
  hasCapability(capability) {
    const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/thread-self/status', 'latin1'))?.[1] ?? '0'
    return Number((BigInt(`0x${effective}`) >> BigInt(capability)) & 1n)
  },
  Device: class {
    constructor() {
      throw new Error('the device takes the addon')
    }
  } as unknown as Native['Device'],
}
