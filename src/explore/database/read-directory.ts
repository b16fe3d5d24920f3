/**
 * A layer that is a directory into the index: what each directory holds, with whiteouts in every spelling and the
 * marks of the union. Whatever changes meanwhile is taken as it was met.
 */
import { setImmediate as breathe } from 'node:timers/promises'
import { errnoWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import { defaultPrefix, isForeign, MarkStore, TRUSTED_MARKS, USER_MARKS } from '../../layers/marks.js'
import { AUFS_OPAQUE, AUFS_PREFIX } from '../../layers/whiteouts.js'
import { joined } from '../../oci/apply/paths.js'
import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY, S_IFMT } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { isWhiteoutDevice, STAT_SLOTS, Stat } from '../../syscalls/stat.js'
import type { IndexFile } from './index-file.js'
import { xattrText } from './read-archive.js'
import { Flag, Type } from './schema.js'
import type { EntryWriter } from './writer.js'

/** Entries between two pauses. */
const PACE = 5_000

/** A directory whose lower parts lie under another name, as its mark says. */
export interface Redirect {
  readonly path: string
  /** Relative to the root. */
  readonly target: string
}

/** What goes with reading one layer. */
export interface Scan {
  readonly rootFd: number
  readonly writer: EntryWriter
  readonly marks: readonly MarkStore[]
  /** The first name of each inode with several names. */
  readonly inodes: Map<string, string>
  readonly redirects: Redirect[]
}

/** Reads the layer at `root` (latin1); `seen` gets the number of entries so far. Throws StratafsError. */
export async function readDirectory(
  root: string,
  index: IndexFile,
  writer: EntryWriter,
  seen: (entries: number) => void,
): Promise<readonly Redirect[]> {
  const rootFd = native.openat(AT_FDCWD, root, O_PATH | O_DIRECTORY, 0)
  if (rootFd < 0) throw new StratafsError(`${shown(root)} cannot be opened: ${errnoWords(rootFd)}`)
  const scan = scanOf(rootFd, writer)
  try {
    await walk(scan, index, seen)
  } finally {
    native.close(rootFd)
  }
  return scan.redirects
}

/** Of the layer whose root is open as `rootFd`. */
export function scanOf(rootFd: number, writer: EntryWriter): Scan {
  const stores = [TRUSTED_MARKS, USER_MARKS].map((prefix) => new MarkStore(prefix))
  // Marks that only a mount of users' reads count for those who read as users.
  const marks = defaultPrefix(null) === USER_MARKS ? stores.slice(1) : stores
  return { rootFd, writer, marks, inodes: new Map(), redirects: [] }
}

async function walk(scan: Scan, index: IndexFile, seen: (entries: number) => void): Promise<void> {
  const waiting = ['']
  let count = 0
  let next = PACE
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const at = path
    count += index.together(() => readOne(scan, at, waiting))
    if (count < next) continue
    next = count + PACE
    seen(count)
    await breathe()
  }
  seen(count)
}

/** Writes the entries of one directory, and adds those that are directories to `waiting`; how many there are. */
function readOne(scan: Scan, path: string, waiting: string[]): number {
  const fd = native.openBeneath(scan.rootFd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
  if (fd < 0) return 0
  try {
    const entries = native.readDirectory(fd, '')
    if (typeof entries === 'number') return 0
    const stats = new Float64Array(entries.names.length * STAT_SLOTS)
    native.statMany(fd, entries.names, stats)
    if (path === '') noteDirectory(scan, fd, '')
    for (const [i, name] of entries.names.entries()) {
      const stat = stats.subarray(i * STAT_SLOTS, (i + 1) * STAT_SLOTS)
      if (stat[Stat.ERRNO] === 0 && note(scan, fd, name, joined(path, name), stat)) waiting.push(joined(path, name))
    }
    return entries.names.length
  } finally {
    native.close(fd)
  }
}

/** Writes one entry; whether it is a directory. */
export function note(scan: Scan, fd: number, name: string, path: string, stat: Float64Array): boolean {
  const { writer } = scan
  if (name === AUFS_OPAQUE) writer.opaque(path.slice(0, Math.max(0, path.lastIndexOf('/'))))
  if (name.startsWith(AUFS_PREFIX)) {
    if (name !== AUFS_OPAQUE) writer.whiteout(joined(path.slice(0, -name.length - 1), name.slice(AUFS_PREFIX.length)))
    return false
  }
  const type = (stat[Stat.MODE]! & S_IFMT) >> 12
  const names = xattrsOf(fd, name)
  const isMarked = type === Type.FILE && stat[Stat.SIZE] === 0 && markOf(scan, fd, name, names, 'whiteout') !== null
  if (isWhiteoutDevice(stat) || isMarked) {
    writer.whiteout(path)
    return false
  }
  const first = firstName(scan, path, type, stat)
  const isLink = first !== null
  writer.entry({
    path,
    type: isLink ? Type.LINK : type,
    mode: stat[Stat.MODE]! & 0o7777,
    uid: stat[Stat.UID]!,
    gid: stat[Stat.GID]!,
    size: type === Type.FILE && !isLink ? stat[Stat.SIZE]! : 0,
    mtime: stat[Stat.MTIME]!,
    link: isLink ? first : type === Type.SYMLINK ? targetOf(fd, name) : null,
    xattrs: shownXattrs(fd, name, names),
    place: null,
    flags: type === Type.FILE && markOf(scan, fd, name, names, 'metacopy') !== null ? Flag.METACOPY : 0,
  })
  if (type !== Type.DIRECTORY) return false
  noteMarks(scan, fd, name, path, names)
  return true
}

function noteDirectory(scan: Scan, fd: number, path: string): void {
  const names = xattrsOf(fd, '')
  if (names.length > 0) noteMarks(scan, fd, '', path, names)
}

function noteMarks(scan: Scan, fd: number, name: string, path: string, names: readonly string[]): void {
  for (const store of scan.marks) {
    if (!names.some((each) => each.startsWith(store.prefix) || isForeign(each))) continue
    const marks = store.read(fd, name)
    if (typeof marks === 'number') continue
    if (marks.opaque) scan.writer.opaque(path)
    if (marks.redirect !== null) scan.redirects.push({ path, target: redirected(path, marks.redirect) })
  }
}

/** A redirect as a path from the root: a bare name stands in the same directory. */
function redirected(path: string, redirect: string): string {
  if (redirect.startsWith('/')) return redirect.slice(1)
  return joined(path.slice(0, Math.max(0, path.lastIndexOf('/'))), redirect)
}

function markOf(
  { marks }: Scan,
  fd: number,
  name: string,
  names: readonly string[],
  mark: 'whiteout' | 'metacopy',
): Uint8Array | null {
  const store = marks.find(({ prefix }) => names.includes(prefix + mark))
  const value = store?.get(fd, name, mark)
  return value === undefined || typeof value === 'number' ? null : value
}

function xattrsOf(fd: number, name: string): string[] {
  const names = native.listxattr(fd, name)
  return typeof names === 'number' ? [] : names
}

/** What is no mark of the union. */
function shownXattrs(fd: number, name: string, names: readonly string[]): string | null {
  const found = new Map<string, Uint8Array>()
  for (const each of names) {
    if (isForeign(each) || each.startsWith(TRUSTED_MARKS) || each.startsWith(USER_MARKS)) continue
    const value = native.getxattr(fd, name, each)
    if (typeof value !== 'number') found.set(each, value)
  }
  return xattrText(found)
}

function targetOf(fd: number, name: string): string | null {
  const target = native.readlinkat(fd, name)
  return typeof target === 'string' ? target : null
}

/** The path under which the inode was met first; null when this is it. */
function firstName({ inodes }: Scan, path: string, type: number, stat: Float64Array): string | null {
  if (type === Type.DIRECTORY || stat[Stat.NLINK]! < 2) return null
  const at = (slot: number) => stat[slot]!
  const key = `${at(Stat.DEV_MAJOR)}:${at(Stat.DEV_MINOR)}:${at(Stat.INO_HIGH)}:${at(Stat.INO_LOW)}`
  const first = inodes.get(key) ?? null
  if (first === null) inodes.set(key, path)
  return first
}
