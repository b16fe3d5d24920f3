/**
 * Locks between commands: flock on a file, which the kernel releases however a process ends. Waiting is done by asking
 * again, so that a signal still ends it, and whoever waits is told after a moment what for.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { Errno } from '../../base/errno.js'
import { errnoWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import {
  AT_FDCWD,
  LOCK_EX,
  LOCK_NB,
  LOCK_SH,
  O_CREAT,
  O_DIRECTORY,
  O_RDONLY,
  O_RDWR,
} from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { OwnedFd, withFd } from '../../syscalls/owned-fd.js'

const ASK_AGAIN_MS = 50
const SAY_SO_MS = 1000

export interface Waiting {
  /** Called once when it takes long. */
  readonly waits?: ((words: string) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** `first`: done before a shared hold, alone, where nobody else holds it then. */
interface Holding extends Waiting {
  readonly first?: (() => void) | undefined
}

/** Runs `work` under the lock on `path` (latin1), a file that is made where it is missing. Throws StratafsError. */
export async function underLock<T>(
  path: string,
  kind: 'shared' | 'alone',
  waiting: Holding,
  work: () => Promise<T> | T,
): Promise<T> {
  return held(native.openat(AT_FDCWD, path, O_RDWR | O_CREAT, 0o600), path, kind, waiting, work)
}

/** Like `underLock`, for a directory, which has to be there. */
export async function heldDirectory<T>(
  path: string,
  kind: 'shared' | 'alone',
  waiting: Holding,
  work: () => Promise<T> | T,
): Promise<T> {
  return held(native.openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0), path, kind, waiting, work)
}

/** Runs `work`, a short one, alone with the directory at `path` (latin1). Throws StratafsError. */
export function lockedNow(path: string, work: () => void): void {
  const opened = native.openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0)
  if (opened < 0) throw new StratafsError(`${shown(path)} cannot be opened: ${errnoWords(opened)}`)
  withFd(opened, (fd) => {
    const errno = native.flock(fd, LOCK_EX)
    if (errno < 0) throw new StratafsError(`${shown(path)} cannot be locked: ${errnoWords(errno)}`)
    work()
  })
}

/** Runs `work` alone with the directory at `path` (latin1) if nobody else holds it, else not. Throws StratafsError. */
export function aloneNow(path: string, work: () => void): void {
  const opened = native.openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0)
  if (opened < 0) throw new StratafsError(`${shown(path)} cannot be opened: ${errnoWords(opened)}`)
  withFd(opened, (fd) => {
    if (native.flock(fd, LOCK_EX | LOCK_NB) >= 0) work()
  })
}

async function held<T>(
  opened: number,
  path: string,
  kind: 'shared' | 'alone',
  waiting: Holding,
  work: () => Promise<T> | T,
): Promise<T> {
  const lock = OwnedFd.from(opened)
  if (typeof lock === 'number') throw new StratafsError(`${shown(path)} cannot be opened: ${errnoWords(lock)}`)
  try {
    if (waiting.first !== undefined && native.flock(lock.fd, LOCK_EX | LOCK_NB) >= 0) waiting.first()
    await acquire(lock.fd, path, kind, waiting)
    return await work()
  } finally {
    lock.close()
  }
}

async function acquire(fd: number, path: string, kind: 'shared' | 'alone', { waits, signal }: Waiting): Promise<void> {
  const operation = (kind === 'shared' ? LOCK_SH : LOCK_EX) | LOCK_NB
  for (let waited = 0; ; waited += ASK_AGAIN_MS) {
    const errno = native.flock(fd, operation)
    if (errno >= 0) return
    if (errno !== -Errno.EAGAIN) throw new StratafsError(`${shown(path)} cannot be locked: ${errnoWords(errno)}`)
    if (waited === SAY_SO_MS) waits?.(`waiting for another stratafs that holds ${shown(path)}`)
    await sleep(ASK_AGAIN_MS, undefined, { signal })
  }
}
