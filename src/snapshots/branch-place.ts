/** The upper and workdir of a branch, as they are before it is mounted for the first time. */
import { mkdirSync } from 'node:fs'
import { errnoWords } from '../base/errno-words.js'
import { StratafsError } from '../base/failure.js'
import { pathBytes, shown } from '../base/text.js'
import { TRUSTED_MARKS, USER_MARKS } from '../layers/marks.js'
import { AT_FDCWD, S_PERMISSIONS } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { Stat } from '../syscalls/stat.js'
import { branchDirectory, branchStore } from './branches.js'
import { directoryOf } from './records.js'

/** Makes them; the root of the tree is what it is in the snapshot. Throws StratafsError. */
export function makeBranchPlace(work: string, id: number, snapshot: number): void {
  const place = branchDirectory(work, id)
  for (const path of [branchStore(work), place, `${place}/upper`, `${place}/work`])
    mkdirSync(pathBytes(path), { recursive: true, mode: 0o700 })
  const errno = dressRoot(directoryOf(work, snapshot), `${place}/upper`)
  if (errno < 0) throw new StratafsError(`${shown(place)} cannot be made: ${errnoWords(errno)}`)
}

function dressRoot(from: string, to: string): number {
  let errno = native.statat(AT_FDCWD, from)
  if (errno < 0) return errno
  const stat = native.stat.slice()
  errno = native.chownat(AT_FDCWD, to, stat[Stat.UID]!, stat[Stat.GID]!)
  const names = native.listxattr(AT_FDCWD, from)
  for (const name of typeof names === 'number' ? [] : names) {
    const value = native.getxattr(AT_FDCWD, from, name)
    if (errno < 0 || typeof value === 'number' || isMark(name)) continue
    errno = native.setxattr(AT_FDCWD, to, name, value, 0)
  }
  if (errno >= 0) errno = native.chmodat(AT_FDCWD, to, stat[Stat.MODE]! & S_PERMISSIONS)
  const times = [stat[Stat.ATIME]!, stat[Stat.ATIME_NS]!, stat[Stat.MTIME]!, stat[Stat.MTIME_NS]!] as const
  return errno < 0 ? errno : native.utimensat(AT_FDCWD, to, ...times)
}

function isMark(name: string): boolean {
  return name.startsWith(TRUSTED_MARKS) || name.startsWith(USER_MARKS)
}
