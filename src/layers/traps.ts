/**
 * A lower layer may lie above the upper and the workdir (`lowerdir=/`). What is written there must not show below as it
 * is being written: a directory of a lower layer that is the upper's or the workdir's root is ELOOP, by whatever path.
 * As ovl_lookup_trap_inode() in fs/overlayfs/super.c.
 */
import { AT_FDCWD } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { Stat } from '../syscalls/stat.js'

const SLOTS = [Stat.INO_LOW, Stat.INO_HIGH, Stat.DEV_MINOR, Stat.DEV_MAJOR] as const

/** Identities of directories: inode and device in four numbers each. Plain data. */
export type Traps = readonly (readonly number[])[]

export const NO_TRAPS: Traps = []

/** The identity of the directory at (fd, path), as a list of one; of none when it cannot be looked at. */
export function trapAt(fd: number, path: string): Traps {
  return native.statat(fd, path) < 0 ? [] : [SLOTS.map((slot) => native.stat[slot]!)]
}

/** Those of the upper and the workdir that are named, absolute. */
export function trapsOf(paths: readonly (string | null)[]): Traps {
  return paths.flatMap((path) => (path === null ? [] : trapAt(AT_FDCWD, path)))
}

/** Whether the stat record at `at` of `stat` is of one of them. */
export function isTrap(traps: Traps, stat: Float64Array, at = 0): boolean {
  return traps.some((trap) => SLOTS.every((slot, i) => stat[at + slot] === trap[i]))
}
