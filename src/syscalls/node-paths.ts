/**
 * Places as Node's fs takes them, and its errors as the engine takes them: shared by the calls that stand in for the
 * addon.
 */
import { closeSync, fstatSync, openSync } from 'node:fs'
import { Errno } from '../base/errno.js'
import { AT_FDCWD, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK } from './constants.js'

/** The path of a place, as bytes. */
export function pathOf(fd: number, name: string): Buffer {
  if (fd === AT_FDCWD) return Buffer.from(name, 'latin1')
  return Buffer.from(name === '' ? `/proc/self/fd/${fd}` : `/proc/self/fd/${fd}/${name}`, 'latin1')
}

/** What `act` returned, or the -errno that it threw. */
export function attempt<T>(act: () => T): T | number {
  try {
    return act()
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException
    if (typeof errno === 'number') return errno
    throw error
  }
}

/** 0, or the -errno that `act` threw. */
export const done = (act: () => unknown): number => {
  const result = attempt(act)
  return typeof result === 'number' && result < 0 ? result : 0
}

export const refuse = (errno: number) => (): number => -errno

/** openat(2). */
export function openat(fd: number, name: string, flags: number, mode: number): number {
  return attempt(() => openSync(pathOf(fd, name), flags, mode))
}

const NO_FILE: readonly number[] = [-Errno.ENXIO, -Errno.ELOOP, -Errno.EISDIR]

/** The regular file at a place, without waiting for anybody; -ESTALE where it is none. */
export function openFile(fd: number, name: string, flags: number): number {
  const extra = O_NONBLOCK | O_NOCTTY | (name === '' ? 0 : O_NOFOLLOW)
  const opened = openat(fd, name, flags | extra, 0)
  if (opened < 0) return NO_FILE.includes(opened) ? -Errno.ESTALE : opened
  if (fstatSync(opened).isFile()) return opened
  closeSync(opened)
  return -Errno.ESTALE
}
