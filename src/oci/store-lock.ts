/**
 * Locks between commands: flock on a file, which the kernel releases however a process ends. Waiting is done by asking again,
 * so that a signal still ends it, and whoever waits is told after a moment what for.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Errno, errnoName } from '../base/errno.js'
import { StratafsError } from '../base/failure.js'
import { shown } from '../base/text.js'
import { AT_FDCWD, LOCK_EX, LOCK_NB, LOCK_SH, O_CREAT, O_RDWR } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'

const ASK_AGAIN_MS = 50
const SAY_SO_MS = 1000

export interface Waiting {
  /** Called once when it takes long. */
  readonly waits?: ((words: string) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** Runs `work` under the lock on `path` (latin1), a file that is made where it is missing. Throws StratafsError. */
export async function underLock<T>(
  path: string,
  kind: 'shared' | 'alone',
  waiting: Waiting,
  work: () => Promise<T> | T,
): Promise<T> {
  const fd = native.openat(AT_FDCWD, path, O_RDWR | O_CREAT, 0o600)
  if (fd < 0) throw new StratafsError(`${shown(path)} cannot be opened: ${errnoName(fd)}`)
  try {
    await acquire(fd, path, kind, waiting)
    return await work()
  } finally {
    native.close(fd)
  }
}

async function acquire(fd: number, path: string, kind: 'shared' | 'alone', { waits, signal }: Waiting): Promise<void> {
  const operation = (kind === 'shared' ? LOCK_SH : LOCK_EX) | LOCK_NB
  for (let waited = 0; ; waited += ASK_AGAIN_MS) {
    const errno = native.flock(fd, operation)
    if (errno >= 0) return
    if (errno !== -Errno.EAGAIN) throw new StratafsError(`${shown(path)} cannot be locked: ${errnoName(errno)}`)
    if (waited === SAY_SO_MS) waits?.(`waiting for another stratafs that holds ${shown(path)}`)
    await sleep(ASK_AGAIN_MS, undefined, { signal })
  }
}
