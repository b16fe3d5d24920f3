/**
 * What engine=hybrid does otherwise than the FUSE engine, one row a limit, each with the cases that show it. A case in
 * this list is played and has to fail. Where kernel overlayfs itself is not asked a case, for it differs
 * (`not.kernel`), this column is not asked either. docs/hybrid.md prints both.
 */
import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import type { Limit } from './limits.js'

export const hybridLimits: readonly Limit[] = [
  {
    id: 'numbers-over-remount',
    what:
      'a file that was copied up has another inode number after a remount, or once the kernel has dropped the lower ' +
      'inode from its caches',
    cause: 'the FUSE mount below has no file handles, so no origin is kept',
    cases: [
      'one after the other: chmod of every file, directory after directory, keeps all else',
      'NUMBERS: the inode number of a file stays over copy-up by write, chmod, rename and remount',
    ],
  },
  {
    id: 'protection',
    what: 'chattr +i and +a of a lower file or directory protect it only once it has been copied up',
    cause: 'FUSE carries no inode flags, by which the overlay knows them',
    cases: [
      'protection: an immutable lower file cannot be changed, renamed, linked, replaced or removed',
      'protection: an append-only lower file lets its times be set to now, and stays append-only once copied up',
      'protection: an open for writing of an immutable file is EPERM, of an append-only one it has to append',
      'protection: an immutable lower directory takes no names and loses none; its files can be written',
    ],
  },
  {
    id: 'copy-range',
    what: 'copy_file_range from a lower file of up to 4 KiB is EXDEV; cp then reads and writes',
    cause: 'such a file is read through the FUSE mount, which is another filesystem',
    cases: ['holes, fallocate, ranges, tmpfile: copy_file_range from a lower file into a new one and into a lower one'],
  },
  {
    id: 'virtual-upper',
    what: 'user.stratafs.layer and user.stratafs.realpath are not shown for what lies in the upper',
    cause: 'the upper is the kernel’s',
    cases: ['xattrs: user.stratafs.layer and realpath tell where a file comes from'],
  },
]

/** What it does otherwise in a user namespace, beside those of root. */
export const userLimits: readonly Limit[] = []

const find =
  (limits: readonly Limit[]) =>
  (family: string, name: string): Limit | null =>
    limits.find(({ cases }) => cases.includes(`${family}: ${name}`)) ?? null

/** The limit that makes this case fail by engine=hybrid, or null. */
export const hybridLimitOf = find(hybridLimits)

/** The same in a user namespace. */
export const userLimitOf = find([...userLimits, ...hybridLimits])

const OLDEST = [6, 16] as const

/** Why a mount cannot be by engine=hybrid here; null where it can. */
export function hybridObstacle(): string | null {
  if (process.getuid?.() !== 0) return 'needs root'
  if (!/\boverlay$/m.test(readFileSync('/proc/filesystems', 'latin1'))) return 'this kernel has no overlayfs'
  const [major = 0, minor = 0] = release().split('.').map(Number)
  const isOld = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])
  return isOld ? `needs Linux ${OLDEST.join('.')} (this is ${release()})` : null
}
