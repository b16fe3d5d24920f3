/**
 * What stands in for the addon where it cannot be loaded: the same calls, made of Node's fs module. A place (fd, name)
 * is the path `/proc/self/fd/N/name`, which the kernel resolves from the open directory as openat(2) would. What fs
 * does not offer is done by a small program of every system (node-programs.ts), or refused with the errno of a
 * filesystem that cannot. Refused are extended attributes, file handles, device nodes for whiteouts, inode flags and
 * holes. The engine knows filesystems like that, so nothing above has to know of this file. docs/transports.md says
 * what that means for a mount.
 */
import * as fs from 'node:fs'
import type { Native } from '../../native-bindings/index.js'
import { Errno } from '../base/errno.js'
import {
  AT_REMOVEDIR,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_WRONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  S_IFMT,
  S_IFREG,
  UTIME_NOW,
  UTIME_OMIT,
} from './constants.js'
import { copyBytes } from './node-content.js'
import { attempt, done, openat, openFile, pathOf, refuse } from './node-paths.js'
import { surroundings } from './node-process.js'
import * as programs from './node-programs.js'
import { reading } from './node-reading.js'
import { counting } from './node-usage.js'
import { STAT_SLOTS } from './stat.js'

const NOREPLACE = 1
const EXCHANGE = 2
const SECOND = 1_000_000_000n

/** The calls. One object per thread, as with the addon. */
export function nodeNative(): Native {
  const stat = new Float64Array(STAT_SLOTS)
  const fsstat = new Float64Array(10)
  return { stat, fsstat, ...reading(stat, fsstat), ...naming, ...changing, ...files, ...surroundings, ...counting }
}

type Naming = Pick<
  Native,
  | 'openat'
  | 'openFile'
  | 'openBeneath'
  | 'close'
  | 'closeSoon'
  | 'settleClosing'
  | 'mkdirat'
  | 'mknodat'
  | 'symlinkat'
  | 'linkat'
  | 'unlinkat'
  | 'renameat'
>

const naming: Naming = {
  openat,
  openFile,
  openBeneath,
  close: (fd) => done(() => fs.closeSync(fd)),
  closeSoon: (fd) => done(() => fs.closeSync(fd)),
  settleClosing: () => 0,
  mkdirat: (fd, name, mode) => done(() => fs.mkdirSync(pathOf(fd, name), mode)),
  mknodat,
  symlinkat: (target, fd, name) => done(() => fs.symlinkSync(Buffer.from(target, 'latin1'), pathOf(fd, name))),
  linkat: (fd, name, newFd, newName) =>
    name === '' ? -Errno.EOPNOTSUPP : done(() => fs.linkSync(pathOf(fd, name), pathOf(newFd, newName))),
  unlinkat: (fd, name, flags) =>
    done(() => ((flags & AT_REMOVEDIR) !== 0 ? fs.rmdirSync(pathOf(fd, name)) : fs.unlinkSync(pathOf(fd, name)))),
  renameat,
}

/** One component after the other; a symbolic link on the way shows as what it is and no directory. */
function openBeneath(fd: number, path: string, flags: number, mode: number): number {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) return -Errno.EXDEV
  const last = parts.pop() ?? ''
  let at = fd
  for (const part of parts) {
    const next = openat(at, part, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0)
    if (at !== fd) fs.closeSync(at)
    if (next < 0) return next
    at = next
  }
  const opened = openat(at, last, last === '' ? flags : flags | O_NOFOLLOW, mode)
  if (at !== fd) fs.closeSync(at)
  return opened
}

/** Files are fs's own; FIFOs and devices take mknod(1). A whiteout is refused: it is spelt `.wh.NAME` then. */
function mknodat(fd: number, name: string, mode: number, major: number, minor: number): number {
  const type = mode & S_IFMT
  if (type === S_IFREG || type === 0) {
    const made = openat(fd, name, O_CREAT | O_EXCL | O_WRONLY, mode & 0o7777)
    return made < 0 ? made : done(() => fs.closeSync(made))
  }
  if (type === S_IFCHR && major === 0 && minor === 0) return -Errno.EPERM
  if (fs.lstatSync(pathOf(fd, name), { throwIfNoEntry: false }) !== undefined) return -Errno.EEXIST
  if (type === S_IFIFO) return programs.mknod(fd, name, mode, 'p', [])
  if (type === S_IFCHR || type === S_IFBLK)
    return programs.mknod(fd, name, mode, type === S_IFCHR ? 'c' : 'b', [major, minor])
  return -Errno.EOPNOTSUPP
}

/**
 * NOREPLACE looks first: nobody else renames in an upper. EXCHANGE takes three steps; its first place is always in the
 * workdir, so what a crash between them leaves is swept, but the name may then be missing in the upper.
 */
function renameat(fd: number, name: string, newFd: number, newName: string, flags: number): number {
  const from = pathOf(fd, name)
  const to = pathOf(newFd, newName)
  if (flags === 0) return done(() => fs.renameSync(from, to))
  if (flags === NOREPLACE) {
    const stands = fs.lstatSync(to, { throwIfNoEntry: false }) !== undefined
    return stands ? -Errno.EEXIST : done(() => fs.renameSync(from, to))
  }
  return flags === EXCHANGE ? exchange(from, to, pathOf(fd, `${name}.exchange`)) : -Errno.EINVAL
}

function exchange(from: Buffer, to: Buffer, aside: Buffer): number {
  const moved = done(() => fs.renameSync(to, aside))
  if (moved < 0) return moved
  const placed = done(() => fs.renameSync(from, to))
  if (placed >= 0) return done(() => fs.renameSync(aside, from))
  done(() => fs.renameSync(aside, to))
  return placed
}

type Changing = Pick<
  Native,
  | 'chmodat'
  | 'chownat'
  | 'utimensat'
  | 'truncateat'
  | 'getxattr'
  | 'setxattr'
  | 'listxattr'
  | 'removexattr'
  | 'nameToHandle'
  | 'openByHandle'
  | 'filesystemUuid'
  | 'getFlags'
  | 'setFlags'
>

/** Through a descriptor of the very file, so that no symbolic link is followed. */
function chmodat(fd: number, name: string, mode: number): number {
  if (name === '') return done(() => fs.chmodSync(pathOf(fd, ''), mode))
  const file = openat(fd, name, O_PATH | O_NOFOLLOW, 0)
  if (file < 0) return file
  const errno = done(() => fs.chmodSync(pathOf(file, ''), mode))
  fs.closeSync(file)
  return errno
}

/** What fs takes for a time: seconds, cut off at the microsecond, so that a little more hits it; before 1970 a Date. */
function timeOf(ns: bigint): number | Date {
  if (ns < 0n) return new Date(Number(ns / 1_000_000n))
  return ns % SECOND === 0n ? Number(ns / SECOND) : Number(ns) / 1e9 + 4e-7
}

function utimensat(fd: number, name: string, atime: number, atimeNs: number, mtime: number, mtimeNs: number): number {
  const now = attempt(() =>
    name === '' ? fs.fstatSync(fd, { bigint: true }) : fs.lstatSync(pathOf(fd, name), { bigint: true }),
  )
  if (typeof now === 'number') return now
  const wanted = (seconds: number, ns: number, present: bigint): bigint => {
    if (ns === UTIME_OMIT) return present
    return ns === UTIME_NOW ? BigInt(Date.now()) * 1_000_000n : BigInt(seconds) * SECOND + BigInt(ns)
  }
  const access = wanted(atime, atimeNs, now.atimeNs)
  const change = wanted(mtime, mtimeNs, now.mtimeNs)
  const errno = done(() => {
    if (name === '') fs.utimesSync(pathOf(fd, ''), timeOf(access), timeOf(change))
    else fs.lutimesSync(pathOf(fd, name), timeOf(access), timeOf(change))
  })
  // That is right to a microsecond at best; what programs compare to the last digit is the modification time.
  if (errno >= 0 && change % SECOND !== 0n) programs.touch(fd, name, change)
  return errno
}

const changing: Changing = {
  chmodat,
  chownat: (fd, name, uid, gid) =>
    done(() => (name === '' ? fs.chownSync(pathOf(fd, ''), uid, gid) : fs.lchownSync(pathOf(fd, name), uid, gid))),
  utimensat,
  truncateat: (fd, name, size) => done(() => fs.truncateSync(pathOf(fd, name), size)),
  getxattr: refuse(Errno.EOPNOTSUPP),
  setxattr: refuse(Errno.EOPNOTSUPP),
  listxattr: refuse(Errno.EOPNOTSUPP),
  removexattr: refuse(Errno.EOPNOTSUPP),
  nameToHandle: refuse(Errno.EOPNOTSUPP),
  openByHandle: refuse(Errno.EOPNOTSUPP),
  filesystemUuid: refuse(Errno.ENOTTY),
  getFlags: refuse(Errno.ENOTTY),
  setFlags: refuse(Errno.ENOTTY),
}

type Files = Pick<
  Native,
  | 'pread'
  | 'pwrite'
  | 'ftruncate'
  | 'fsync'
  | 'fdatasync'
  | 'syncfs'
  | 'fallocate'
  | 'lseek'
  | 'copyFileRange'
  | 'copyContent'
  | 'flock'
  | 'hasWriters'
  | 'isAlone'
>

const files: Files = {
  pread: (fd, into, at, length, offset) => attempt(() => fs.readSync(fd, into, at, length, offset)),
  pwrite: (fd, from, at, length, offset) => attempt(() => fs.writeSync(fd, from, at, length, offset)),
  ftruncate: (fd, size) => done(() => fs.ftruncateSync(fd, size)),
  fsync: (fd) => done(() => fs.fsyncSync(fd)),
  fdatasync: (fd) => done(() => fs.fdatasyncSync(fd)),
  syncfs: (fd) => programs.syncfs(fd),
  fallocate: refuse(Errno.EOPNOTSUPP),
  lseek: refuse(Errno.EINVAL),
  copyFileRange: refuse(Errno.EOPNOTSUPP),
  copyContent: (from, to, size) => attempt(() => copyBytes(from, to, size)),
  flock: (fd, operation) => programs.flock(fd, operation),
  hasWriters: refuse(Errno.EOPNOTSUPP),
  isAlone: refuse(Errno.EOPNOTSUPP),
}
