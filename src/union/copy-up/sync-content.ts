/**
 * Content that is copied up is on disk before its name is. A disk that is busy, or slow, takes long for that, and
 * whoever else uses the thread waits as long. So a mount remembers it for a while, and brings up by another thread then
 * also what is small.
 */
import { native } from '../../syscalls/native.js'
import type { Union } from '../context/union.js'

/** A sync that took so long was felt by others. */
const SLOW_MS = 10
/** For so long a disk counts as slow afterwards. */
const MEMORY_MS = 10_000

/** fsync(2) of a file that has been brought up: 0 or -errno. */
export function syncContent(u: Union, fd: number): number {
  const begun = performance.now()
  const errno = native.fsync(fd)
  const ended = performance.now()
  if (ended - begun > SLOW_MS) u.diskIsSlowUntil = ended + MEMORY_MS
  return errno
}

/** Whether the disk of the upper has been slow lately. */
export function isDiskSlow(u: Union): boolean {
  return u.syncs && performance.now() < u.diskIsSlowUntil
}
