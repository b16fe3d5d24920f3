/**
 * One writer per upper directory: the daemon holds an flock on the upper and the work directory for as long as it
 * serves, and the kernel lets go of it however the daemon ends. Other mounts of them are refused, with the holder's pid
 * where the kernel tells it.
 */
import { readFileSync } from 'node:fs'
import { Errno } from '../../base/errno.js'
import { errnoWords } from '../../base/errno-words.js'
import { shown } from '../../base/text.js'
import { AT_FDCWD, LOCK_EX, LOCK_NB, O_DIRECTORY, O_RDONLY } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { OwnedFd } from '../../syscalls/owned-fd.js'
import { Stat } from '../../syscalls/stat.js'
import type { Refused } from './directories.js'

export interface DirectoryLocks {
  release(): void
}

/** Somebody else has it: `holder` is the pid, 0 where the kernel does not tell. */
interface Held extends Refused {
  readonly holder?: number
  /** Who has what, without advice. */
  readonly held?: string
}

/** Locks each of `places` (option and absolute path), all or none. */
export function lockDirectories(places: readonly (readonly [option: string, path: string])[]): DirectoryLocks | Held {
  const held: OwnedFd[] = []
  const release = () => {
    for (const lock of held.splice(0)) lock.close()
  }
  for (const [option, path] of places) {
    const lock = lockDirectory(option, path)
    if ('error' in lock) {
      release()
      return lock
    }
    held.push(lock)
  }
  return { release }
}

function lockDirectory(option: string, path: string): OwnedFd | Held {
  const opened = OwnedFd.from(openApart(path))
  if (typeof opened === 'number') return { error: `${option} ${shown(path)} cannot be opened (${errnoWords(opened)})` }
  const errno = native.flock(opened.fd, LOCK_EX | LOCK_NB)
  if (errno >= 0) return opened
  const holder = errno === -Errno.EAGAIN ? holderOf(opened.fd) : -1
  opened.close()
  if (holder < 0) return { error: `${option} cannot be locked` }
  const held = inUse(option, path, holder)
  return { error: `${held}: unmount that one first, or name another directory`, held, holder }
}

/**
 * Through a private clone of its mount where there can be one, so that the lock does not keep that mount from being
 * unmounted.
 */
function openApart(path: string): number {
  const clone = native.cloneMount(path, 0)
  if (clone < 0) return native.openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0)
  const fd = native.openat(clone, '.', O_RDONLY | O_DIRECTORY, 0)
  native.close(clone)
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
