/**
 * One writer per upper directory: the daemon holds an flock on the upper and the work directory for as long as it
 * serves, and the kernel lets go of it however the daemon ends. Other mounts of them are refused, with the holder's pid
 * where the kernel tells it.
 */
import { readFileSync } from 'node:fs'
import { Errno } from '../../base/errno.js'
import { errnoWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import { AT_FDCWD, LOCK_EX, LOCK_NB, O_DIRECTORY, O_RDONLY } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { OwnedFd } from '../../syscalls/owned-fd.js'
import { Stat } from '../../syscalls/stat.js'

export interface DirectoryLocks {
  /** Locks one more; why it cannot be locked, or null. */
  add(option: string, path: string): StratafsError | null
  /** Descriptors that hold them: a lock lasts as long as anybody has one. */
  readonly fds: readonly number[]
  release(): void
}

/** Somebody else has it; `fault` says who has what. Known by its `holder`. */
export class HeldElsewhere extends StratafsError {
  constructor(
    held: string,
    /** The pid; 0 where the kernel does not tell. */
    readonly holder: number,
  ) {
    super(held, 'IN_USE', 'unmount that one first, or name another directory')
  }
}

/** Locks each of `places` (option and absolute path), all or none. */
export function lockDirectories(
  places: readonly (readonly [option: string, path: string])[],
): DirectoryLocks | HeldElsewhere | StratafsError {
  const held: OwnedFd[] = []
  const release = () => {
    for (const lock of held.splice(0)) lock.close()
  }
  for (const [option, path] of places) {
    const lock = lockDirectory(option, path)
    if (lock instanceof StratafsError) {
      release()
      return lock
    }
    held.push(lock)
  }
  const add = (option: string, path: string): StratafsError | null => {
    const lock = lockDirectory(option, path)
    if (lock instanceof StratafsError) return lock
    held.push(lock)
    return null
  }
  return { add, fds: held.map(({ fd }) => fd), release }
}

function lockDirectory(option: string, path: string): OwnedFd | HeldElsewhere | StratafsError {
  const opened = OwnedFd.from(openApart(path))
  if (typeof opened === 'number')
    return new StratafsError(`${option} ${shown(path)} cannot be opened (${errnoWords(opened)})`, 'MOUNT_REFUSED')
  const errno = native.flock(opened.fd, LOCK_EX | LOCK_NB)
  if (errno >= 0) return opened
  const holder = errno === -Errno.EAGAIN ? holderOf(opened.fd) : -1
  opened.close()
  if (holder < 0) return new StratafsError(`${option} cannot be locked`, 'MOUNT_REFUSED')
  return new HeldElsewhere(inUse(option, path, holder), holder)
}

/**
 * Through a private clone of its mount where there can be one, so that the lock does not keep that mount from being
 * unmounted.
 */
function openApart(path: string): number {
  const clone = native.cloneMount(path, 0)
  if (clone < 0) return native.openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0)
  const fd = native.openat(clone, '.', O_RDONLY | O_DIRECTORY, 0)
  // The end of a clone is waited for in the kernel (a grace period of its locks): not here.
  native.closeSoon(clone)
  return fd
}

function inUse(option: string, path: string, pid: number): string {
  const who = pid > 0 ? ` (process ${pid})` : ''
  return `${option} ${shown(path)} is in use by another mount${who}`
}

/** The pid that holds an flock on the open file, as /proc/locks has it; 0 when it does not say. */
function holderOf(fd: number): number {
  if (native.statat(fd, '') < 0) return 0
  const { stat } = native
  const ino = BigInt(stat[Stat.INO_HIGH]!) * 0x1_0000_0000n + BigInt(stat[Stat.INO_LOW]!)
  const hex = (slot: number) => stat[slot]!.toString(16).padStart(2, '0')
  const wanted = `${hex(Stat.DEV_MAJOR)}:${hex(Stat.DEV_MINOR)}:${ino}`
  for (const line of readFileSync('/proc/locks', 'latin1').split('\n')) {
    const [, kind, , , pid, file] = line.trim().split(/\s+/)
    if (kind === 'FLOCK' && file === wanted) return Number(pid)
  }
  return 0
}
