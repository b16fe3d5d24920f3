/** How a mount is heard of, and what may keep it from each way to the kernel. */
import type { Logger } from '../../base/log.js'
import { addonObstacle } from '../../syscalls/native.js'
import { loadFuseNative } from '../../transport/fuse-native/package.js'
import type { Waiter } from '../mount/lock-wait.js'
import type { Obstacles } from '../mount/transport-choice.js'

export const obstacles: Obstacles = {
  addon: addonObstacle,
  fuseNative: () => {
    const loaded = loadFuseNative()
    return typeof loaded === 'string' ? loaded : null
  },
}

/** How a mount is heard of. */
export interface ServiceVoice {
  readonly logger: Logger
  /** Gets one line for each request and reply, when the plan asks for them. */
  trace(line: string): void
  /** Hears what is waited for. */
  readonly waiter: Waiter
  /** Told once, with the exit code, when all is released and before nobody finds the mount any more. */
  readonly over?: ((code: number) => void) | undefined
  /** This process is in the background: another one may follow it. */
  readonly mayBeFollowed?: boolean
}

/** What is said to who asks for an upper's limit there. */
export const UNCOUNTED =
  'engine=hybrid: the kernel writes to the upper by itself, and nobody counts; mount with engine=fuse'
