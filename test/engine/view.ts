/**
 * The whole merged tree as the engine shows it, and when two such trees are the same. Compared are content, type, mode,
 * owner, device number, the time of modification to the nanosecond, extended attributes, link count, and st_ino: not
 * its value, which differs from run to run, but which paths had that number before the act.
 *
 * Of directories, the link count is left out (it says whether they are merged), and the time of modification may be
 * that of either side or the present: moving something into a directory on disk and putting its time back cannot be one
 * act.
 */

import { latin1 } from '../../src/layers/marks.js'
import type { Attr } from '../../src/operations/contract.js'
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../src/syscalls/constants.js'
import { digest, shownTime } from './fingerprint.js'
import { ROOT, type Session } from './session.js'

interface Entry {
  readonly ino: number
  readonly isDirectory: boolean
  /** What never may differ. */
  readonly fixed: string
  readonly time: string
  readonly nlink: number
}

export type View = ReadonlyMap<string, Entry>

/** Walks everything. An entry that cannot be read is shown with its error. */
export function viewOf(s: Session): View {
  const view = new Map<string, Entry>()
  s.ops.getattr(ROOT)
  const root = { ...s.ops.attr }
  view.set('/', entryOf(s, ROOT, root))
  walk(s, ROOT, '', view)
  return view
}

interface Listed {
  readonly name: string
  readonly ino: number
  readonly type: number
}

function namesIn(s: Session, nodeid: number): Listed[] | number {
  const entries: Listed[] = []
  const errno = s.ops.readdir(nodeid, 0, false, {
    add: (name, _cookie, ino, type) => {
      if (name !== '.' && name !== '..') entries.push({ name, ino, type })
      return true
    },
  })
  return errno < 0 ? errno : entries.sort((a, b) => (a.name < b.name ? -1 : 1))
}

function walk(s: Session, nodeid: number, path: string, view: Map<string, Entry>): void {
  const entries = namesIn(s, nodeid)
  if (typeof entries === 'number') return void view.set(`${path}/*`, broken(`readdir: ${entries}`))
  for (const { name, ino, type } of entries) {
    const child = `${path}/${name}`
    if (view.has(child)) view.set(`${child} again`, broken('listed twice'))
    const found = s.ops.lookup(nodeid, name)
    if (found <= 0) {
      view.set(child, broken(`lookup: ${found}`))
      continue
    }
    const attr = { ...s.ops.attr }
    view.set(child, entryOf(s, found, attr))
    if (attr.ino !== ino || attr.mode >> 12 !== type)
      view.set(`${child} listed`, broken(`as inode ${ino}, type ${type}`))
    if ((attr.mode & S_IFMT) === S_IFDIR) walk(s, found, child, view)
    s.ops.forget(found, 1)
  }
}

function broken(why: string): Entry {
  return { ino: 0, isDirectory: false, fixed: why, time: '', nlink: 0 }
}

function entryOf(s: Session, nodeid: number, attr: Attr): Entry {
  const type = attr.mode & S_IFMT
  const isDirectory = type === S_IFDIR
  const words = [attr.mode.toString(8), `${attr.uid}:${attr.gid}`, `${attr.rdevMajor}:${attr.rdevMinor}`]
  if (!isDirectory) words.push(`size ${attr.size}`)
  words.push(...attributesOf(s, nodeid))
  if (type === S_IFREG) words.push(contentOf(s, nodeid, attr.size))
  if (type === S_IFLNK) words.push(`-> ${s.ops.readlink(nodeid)}`)
  return {
    ino: attr.ino,
    isDirectory,
    fixed: words.join(' '),
    time: shownTime(attr.mtime, attr.mtimeNs),
    nlink: attr.nlink,
  }
}

function attributesOf(s: Session, nodeid: number): string[] {
  const names = s.ops.listxattr(nodeid, 0)
  if (typeof names === 'number') return [`listxattr: ${names}`]
  return names.sort().map((name) => {
    const value = s.ops.getxattr(nodeid, name)
    return `${name}=${typeof value === 'number' ? value : JSON.stringify(latin1(value))}`
  })
}

/** As much as the size says, as the kernel's page cache would hold. */
function contentOf(s: Session, nodeid: number, size: number): string {
  const bytes = s.read(nodeid, size)
  return typeof bytes === 'number' ? `read: ${bytes}` : digest(bytes)
}

/** A tree with the one it came from, by whose paths its inodes are named. */
export interface Seen {
  readonly view: View
  readonly before: View
}

function inodeName(ino: number, before: View): string {
  const paths: string[] = []
  for (const [path, entry] of before) if (entry.ino === ino) paths.push(path)
  return paths.length === 0 ? 'new inode' : `inode of ${paths.join(',')}`
}

/** How `seen` differs from `wanted`, one line per path; directories may take their soft values from `other`, too. */
export function differences(seen: Seen, wanted: Seen, other: Seen): string[] {
  const lines: string[] = []
  for (const path of new Set([...seen.view.keys(), ...wanted.view.keys()])) {
    const a = seen.view.get(path)
    const b = wanted.view.get(path)
    if (a === undefined) lines.push(`${path} is missing: ${b!.fixed}`)
    else if (b === undefined) lines.push(`${path} should not be there: ${a.fixed}`)
    else lines.push(...entryDifferences(path, a, inodeName(a.ino, seen.before), b, wanted, other))
  }
  return lines
}

function entryDifferences(path: string, a: Entry, inode: string, b: Entry, wanted: Seen, other: Seen): string[] {
  const lines: string[] = []
  const wantedInode = inodeName(b.ino, wanted.before)
  const allowed = a.isDirectory ? [b, ...sameDirectory(b, wanted, other)] : [b]
  if (a.fixed !== b.fixed) lines.push(`${path}: ${a.fixed}\n     not: ${b.fixed}`)
  if (inode !== wantedInode) lines.push(`${path}: ${inode}, not ${wantedInode}`)
  const mayBeNow = a.isDirectory && a.time === 'now'
  if (!mayBeNow && !allowed.some((entry) => entry.time === a.time)) lines.push(`${path}: time ${a.time}, not ${b.time}`)
  if (!a.isDirectory && a.nlink !== b.nlink) lines.push(`${path}: ${a.nlink} links, not ${b.nlink}`)
  return lines
}

/** The same directory on the other side, wherever it stands there. */
function sameDirectory(b: Entry, wanted: Seen, other: Seen): Entry[] {
  const name = inodeName(b.ino, wanted.before)
  return [...other.view.values()].filter((entry) => inodeName(entry.ino, other.before) === name)
}
