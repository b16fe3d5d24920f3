/** What stands at a path of a tree, as one tells whether two trees have the same there. Paths are latin1, absolute. */
import { Errno } from '../../base/errno.js'
import { errnoWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import { AT_FDCWD, O_RDONLY, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { withFd } from '../../syscalls/owned-fd.js'
import { Stat } from '../../syscalls/stat.js'

export interface TreeState {
  readonly path: string
  /** S_IFMT bits. */
  readonly type: number
  /** Mode, owner, device, attributes, a link's target, as text. */
  readonly words: string
  readonly size: number
  /** Seconds and nanoseconds. */
  readonly mtime: string
  readonly stat: Float64Array
}

/** `call`'s answer, or a StratafsError about `path`. */
export function sure(path: string, answer: number): number {
  if (answer >= 0) return answer
  throw new StratafsError(`${shown(path)}: ${errnoWords(answer)}`)
}

/** null: nothing. Throws StratafsError where it cannot be told. */
export function stateAt(path: string): TreeState | null {
  const errno = native.statat(AT_FDCWD, path)
  if (errno === -Errno.ENOENT || errno === -Errno.ENOTDIR) return null
  sure(path, errno)
  const stat = native.stat.slice()
  const type = stat[Stat.MODE]! & S_IFMT
  const target = type === S_IFLNK ? native.readlinkat(AT_FDCWD, path) : ''
  const numbers = [Stat.MODE, Stat.UID, Stat.GID, Stat.RDEV_MAJOR, Stat.RDEV_MINOR].map((slot) => stat[slot])
  return {
    path,
    type,
    words: [...numbers, target, ...attributesOf(path)].join('\0'),
    size: type === S_IFDIR ? 0 : stat[Stat.SIZE]!,
    mtime: `${stat[Stat.MTIME]}.${stat[Stat.MTIME_NS]}`,
    stat,
  }
}

function attributesOf(path: string): string[] {
  const names = native.listxattr(AT_FDCWD, path)
  if (typeof names === 'number') return []
  return names.sort().map((name) => {
    const value = native.getxattr(AT_FDCWD, path, name)
    return `${name}=${typeof value === 'number' ? '' : Buffer.from(value).toString('latin1')}`
  })
}

export function isDirectory(state: TreeState | null): boolean {
  return state?.type === S_IFDIR
}

/** Whether both are the same but for their times; content is read where nothing else tells. */
export function isSame(a: TreeState | null, b: TreeState | null): boolean {
  if (a === null || b === null) return a === b
  if (a.type !== b.type || a.words !== b.words || a.size !== b.size) return false
  return a.type !== S_IFREG || hasSameContent(a.path, b.path)
}

const BLOCK = 1 << 16

function hasSameContent(a: string, b: string): boolean {
  const answer = withFd(sure(a, native.openFile(AT_FDCWD, a, O_RDONLY)), (left) =>
    withFd(sure(b, native.openFile(AT_FDCWD, b, O_RDONLY)), (right) => compare(left, right)),
  )
  return answer === 1
}

/** 1: equal. */
function compare(left: number, right: number): number {
  const [one, other] = [Buffer.allocUnsafe(BLOCK), Buffer.allocUnsafe(BLOCK)]
  for (let offset = 0; ; ) {
    const [read, also] = [native.pread(left, one, 0, BLOCK, offset), native.pread(right, other, 0, BLOCK, offset)]
    if (read < 0 || read !== also || !one.subarray(0, read).equals(other.subarray(0, read))) return 0
    if (read === 0) return 1
    offset += read
  }
}
