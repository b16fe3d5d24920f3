/**
 * Places as Node's fs takes them, and its errors as the engine takes them: shared by the calls that stand in for the addon.
 */
import { openSync } from 'node:fs'
import { AT_FDCWD } from './constants.js'

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
