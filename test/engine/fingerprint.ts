/**
 * A real tree as text: to see whether a layer is what it was, and whether two uppers hold the same.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { latin1 } from '../../src/layers/marks.js'
import { AT_FDCWD, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import { Stat } from '../../src/syscalls/stat.js'

/** Seconds; whatever is not older was written by a test. */
const START = Math.floor(Date.now() / 1000) - 2
/** Throws where a call of the test's own failed. */
export function check(result: number, what: string): void {
  if (result < 0) throw new Error(`${what}: errno ${-result}`)
}

/** Everything about a real tree; `exact` with inode numbers and times of change. */
export function fingerprint(root: string, exact: boolean): string {
  const lines: string[] = []
  visit(root, '.', exact, lines)
  return lines.join('\n')
}

function visit(path: string, shown: string, exact: boolean, lines: string[]): void {
  check(native.statat(AT_FDCWD, path), path)
  const s = native.stat.slice()
  const type = s[Stat.MODE]! & S_IFMT
  const size = type === S_IFDIR ? 0 : s[Stat.SIZE]!
  const words = [shown, s[Stat.MODE]!.toString(8), s[Stat.UID], s[Stat.GID], size, s[Stat.RDEV_MINOR]]
  if (type !== S_IFDIR) words.push(`links ${s[Stat.NLINK]}`)
  words.push(shownTime(s[Stat.MTIME]!, s[Stat.MTIME_NS]!))
  if (exact) words.push(s[Stat.INO_LOW], s[Stat.CTIME], s[Stat.CTIME_NS])
  words.push(...attributes(path, exact))
  if (type === S_IFREG) words.push(digest(contentOf(path, size)))
  if (type === S_IFLNK) words.push(String(native.readlinkat(AT_FDCWD, path)))
  lines.push(words.join(' '))
  if (type !== S_IFDIR) return
  const entries = native.readDirectory(AT_FDCWD, path)
  if (typeof entries === 'number') throw new Error(`${path}: errno ${-entries}`)
  for (const name of entries.names.sort()) visit(join(path, name), `${shown}/${name}`, exact, lines)
}

function attributes(path: string, exact: boolean): string[] {
  const names = native.listxattr(AT_FDCWD, path)
  if (typeof names === 'number') return []
  return names.sort().map((name) => {
    const value = native.getxattr(AT_FDCWD, path, name)
    // Handles hold generation numbers of their own.
    return !exact && /\.(origin|upper)$/.test(name)
      ? name
      : `${name}=${typeof value === 'number' ? value : latin1(value)}`
  })
}

function contentOf(path: string, size: number): Uint8Array {
  const fd = native.openat(AT_FDCWD, path, 0, 0)
  check(fd, path)
  const bytes = new Uint8Array(size)
  native.pread(fd, bytes, 0, size, 0)
  native.close(fd)
  return bytes
}

/** A time to the nanosecond, or `now` where a test made it. */
export function shownTime(seconds: number, nanoseconds: number): string {
  return seconds >= START ? 'now' : `${seconds}.${nanoseconds}`
}

/** Short content as it is, else its length and hash. */
export function digest(bytes: Uint8Array): string {
  if (bytes.length <= 64) return JSON.stringify(latin1(bytes))
  return `${bytes.length} bytes ${createHash('sha1').update(bytes).digest('hex').slice(0, 12)}`
}
