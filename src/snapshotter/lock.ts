/** One snapshotter for each root: the lock goes with the process, however it ends. */
import { StratafsError } from '../base/failure.js'
import { shown } from '../base/text.js'
import { AT_FDCWD, LOCK_EX, LOCK_NB, O_DIRECTORY, O_RDONLY } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'

/** Holds the directory `root` (latin1) until the process ends. Throws StratafsError. */
export function lockRoot(root: string): void {
  const fd = native.openat(AT_FDCWD, root, O_RDONLY | O_DIRECTORY, 0)
  if (fd >= 0 && native.flock(fd, LOCK_EX | LOCK_NB) === 0) return
  if (fd >= 0) native.close(fd)
  throw new StratafsError(`--root ${shown(root)} is used by another snapshotter`, 'IN_USE', 'end that one first')
}
