/**
 * Applying to one tree what was decided to come from another (tree-merge.ts). Each name changes in one step: what takes
 * its place is made beside it, whole, before. Whoever dies in between is followed by one that does the same again.
 */
import { Errno } from '../../base/errno.js'
import { removeTree } from '../../layers/workdir.js'
import {
  AT_FDCWD,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  RENAME_EXCHANGE,
  S_IFDIR,
  S_IFLNK,
  S_IFREG,
  S_PERMISSIONS,
} from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { withFd } from '../../syscalls/owned-fd.js'
import { Stat } from '../../syscalls/stat.js'
import type { MergeAction } from './tree-merge.js'
import { isDirectory, isSame, stateAt, sure, type TreeState } from './tree-state.js'

/** What is being made, in the directory where it is to stand. */
const MAKING = '.stratafs-merging'

export class TreeApplication {
  /** First path in ours of each inode of theirs that has several names. */
  readonly #links = new Map<string, string>()
  /** Directories whose times are set when all in them is done. */
  readonly #made: TreeState[] = []

  /** Roots, latin1. */
  constructor(
    private readonly ours: string,
    private readonly theirs: string,
  ) {}

  /**
   * `looked`: all paths that were compared. What was left beside them by one who died goes first. Throws StratafsError
   * at what cannot be done.
   */
  run(actions: readonly MergeAction[], looked: readonly string[]): void {
    for (const dir of new Set(looked.map((path) => directoryOf(this.ours + path)))) {
      const left = `${dir}/${MAKING}`
      if (dir.startsWith(this.ours) && stateAt(left) !== null) this.#remove(left)
    }
    for (const { act, path } of actions) {
      if (act === 'delete') this.#remove(this.ours + path)
      else if (act === 'take') this.#take(path)
      else this.#replace(path)
    }
    for (const state of this.#made.reverse()) setTimes(this.ours + state.path.slice(this.theirs.length), state)
  }

  #take(path: string): void {
    const state = stateAt(this.theirs + path)
    if (state === null) return
    const place = this.ours + path
    if (isDirectory(state) && isDirectory(stateAt(place))) return dress(place, state)
    if (isDirectory(state)) this.#made.push(state)
    this.#put(place, state)
  }

  /** With all that lies below it. */
  #replace(path: string): void {
    this.#take(path)
    const [theirs, ours] = [namesIn(this.theirs + path), namesIn(this.ours + path)]
    for (const name of ours) if (!theirs.includes(name)) this.#remove(`${this.ours + path}/${name}`)
    for (const name of theirs) this.#replace(`${path}/${name}`)
  }

  #remove(path: string): void {
    const above = directoryOf(path)
    withFd(sure(above, native.openat(AT_FDCWD, above, O_PATH | O_DIRECTORY, 0)), (fd) => {
      const name = nameOf(path)
      const errno = native.unlinkat(fd, name, 0)
      const done = errno === -Errno.EISDIR || errno === -Errno.EPERM ? removeTree(fd, name) : errno
      return done === -Errno.ENOENT ? 0 : sure(path, done)
    })
  }

  #put(place: string, state: TreeState): void {
    const making = `${directoryOf(place)}/${MAKING}`
    this.#remove(making)
    const key = `${state.stat[Stat.INO_HIGH]}:${state.stat[Stat.INO_LOW]}`
    const first = state.stat[Stat.NLINK]! > 1 && !isDirectory(state) ? this.#links.get(key) : undefined
    if (first !== undefined && isSame(stateAt(first), state))
      sure(making, native.linkat(AT_FDCWD, first, AT_FDCWD, making))
    else make(making, state)
    // Two directories, or a directory and a file, change places in one step.
    const flags = stateAt(place) !== null && (isDirectory(state) || isDirectory(stateAt(place))) ? RENAME_EXCHANGE : 0
    sure(place, native.renameat(AT_FDCWD, making, AT_FDCWD, place, flags))
    this.#remove(making)
    if (state.stat[Stat.NLINK]! > 1) this.#links.set(key, place)
  }
}

function namesIn(path: string): string[] {
  if (!isDirectory(stateAt(path))) return []
  const entries = native.readDirectory(AT_FDCWD, path)
  return typeof entries === 'number' ? [] : entries.names.filter((name) => name !== MAKING)
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** Makes what `state` says at `path`; of directories only themselves. */
function make(path: string, state: TreeState): void {
  const { type, stat } = state
  if (type === S_IFDIR) sure(path, native.mkdirat(AT_FDCWD, path, 0o700))
  else if (type === S_IFREG) makeFile(path, state)
  else if (type === S_IFLNK) {
    const target = native.readlinkat(AT_FDCWD, state.path)
    sure(path, typeof target === 'number' ? target : native.symlinkat(target, AT_FDCWD, path))
  } else sure(path, native.mknodat(AT_FDCWD, path, type | 0o600, stat[Stat.RDEV_MAJOR]!, stat[Stat.RDEV_MINOR]!))
  dress(path, state)
}

function makeFile(path: string, state: TreeState): void {
  const flags = O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW
  withFd(sure(state.path, native.openFile(AT_FDCWD, state.path, O_RDONLY)), (from) =>
    withFd(sure(path, native.openat(AT_FDCWD, path, flags, 0o600)), (to) =>
      sure(path, native.copyContent(from, to, state.size)),
    ),
  )
}

/** Owner, attributes, mode, times: in this order, for each may take away what comes after it. */
function dress(path: string, state: TreeState): void {
  const { stat } = state
  sure(path, native.chownat(AT_FDCWD, path, stat[Stat.UID]!, stat[Stat.GID]!))
  copyAttributes(path, state.path)
  if (state.type !== S_IFLNK) sure(path, native.chmodat(AT_FDCWD, path, stat[Stat.MODE]! & S_PERMISSIONS))
  setTimes(path, state)
}

function copyAttributes(path: string, from: string): void {
  const names = native.listxattr(AT_FDCWD, from)
  const had = native.listxattr(AT_FDCWD, path)
  if (typeof names === 'number') return
  for (const name of typeof had === 'number' ? [] : had)
    if (!names.includes(name)) native.removexattr(AT_FDCWD, path, name)
  for (const name of names) {
    const value = native.getxattr(AT_FDCWD, from, name)
    if (typeof value !== 'number') sure(path, native.setxattr(AT_FDCWD, path, name, value, 0))
  }
}

function setTimes(path: string, { stat }: TreeState): void {
  const times = [stat[Stat.ATIME]!, stat[Stat.ATIME_NS]!, stat[Stat.MTIME]!, stat[Stat.MTIME_NS]!] as const
  sure(path, native.utimensat(AT_FDCWD, path, ...times))
}
