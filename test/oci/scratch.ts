/**
 * What the tests of unpacking share: a scratch folder that is gone afterwards, archives in it, and a snapshot of a tree
 * with all that a layer carries. Names are latin1 strings.
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PolicyOptions, policyOf } from '../../src/oci/apply/policy.js'
import { type Unpacked, type UnpackRequest, unpack } from '../../src/oci/apply/unpack.js'
import { AT_FDCWD, O_DIRECTORY, O_RDONLY, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../src/syscalls/constants.js'
import { native } from '../../src/syscalls/native.js'
import { Stat } from '../../src/syscalls/stat.js'
import { archive } from './archive.js'

/** Runs `work` in a new folder, and removes it. */
export async function inScratch<T>(work: (folder: string) => Promise<T> | T): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'stratafs-oci-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export interface Wishes extends PolicyOptions {
  readonly digest?: string
  readonly diffID?: string
  readonly lowers?: readonly string[]
}

/** Unpacks `bytes` (or the parts of an archive) to FOLDER/layer. */
export function unpackBytes(folder: string, content: Buffer | Buffer[], wishes: Wishes = {}): Promise<Unpacked> {
  const path = join(folder, 'archive')
  writeFileSync(path, Array.isArray(content) ? archive(...content) : content)
  return unpack(requestFor(path, join(folder, 'layer'), wishes))
}

export function requestFor(path: string, directory: string, wishes: Wishes = {}): UnpackRequest {
  const { digest, diffID, lowers } = wishes
  return { archive: path, directory, policy: policyOf(wishes), digest, diffID, lowers, sync: false }
}

export function namesIn(folder: string): string[] {
  return readdirSync(folder, 'latin1').sort()
}

/** Everything a layer carries of one file. */
export interface Snapshot {
  mode: number
  owner: string
  rdev: string
  mtime: string
  xattrs: Record<string, string>
  /** Content, target, or null. */
  content: string | null
  /** The first name of its hard-link group. */
  group: string | null
}

interface SnapshotOptions {
  /** Leave the root out: who made it decided what it is. */
  readonly root?: boolean
  readonly mtimes?: boolean
}

/** The tree below `path`, by path; `.` is its root. */
export function snapshot(path: string, { root = true, mtimes = true }: SnapshotOptions = {}): Record<string, Snapshot> {
  const found: Record<string, Snapshot> = {}
  const groups = new Map<string, string>()
  const fd = native.openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0)
  if (fd < 0) throw new Error(`${path}: ${fd}`)
  const look = (dir: number, name: string, at: string) => {
    found[at] = snapshotOf(dir, name, at, groups, mtimes)
    if ((found[at]!.mode & S_IFMT) !== S_IFDIR) return
    const child = native.openat(dir, name === '' ? '.' : name, O_RDONLY | O_DIRECTORY, 0)
    const entries = native.readDirectory(child, '')
    if (typeof entries === 'number') throw new Error(`${at}: ${entries}`)
    for (const each of [...entries.names].sort()) look(child, each, at === '.' ? each : `${at}/${each}`)
    native.close(child)
  }
  look(fd, '', '.')
  native.close(fd)
  if (!root) delete found['.']
  return found
}

function snapshotOf(dir: number, name: string, at: string, groups: Map<string, string>, mtimes: boolean): Snapshot {
  if (native.statat(dir, name) < 0) throw new Error(`${at} is gone`)
  const stat = native.stat.slice()
  const mode = stat[Stat.MODE]!
  const type = mode & S_IFMT
  const key = `${stat[Stat.INO_HIGH]}:${stat[Stat.INO_LOW]}`
  if (type !== S_IFDIR && stat[Stat.NLINK]! > 1 && !groups.has(key)) groups.set(key, at)
  return {
    mode,
    owner: `${stat[Stat.UID]}:${stat[Stat.GID]}`,
    rdev: `${stat[Stat.RDEV_MAJOR]}:${stat[Stat.RDEV_MINOR]}`,
    mtime: mtimes ? `${stat[Stat.MTIME]}.${String(stat[Stat.MTIME_NS]).padStart(9, '0')}` : '',
    xattrs: xattrsOf(dir, name),
    content:
      type === S_IFREG
        ? contentOf(dir, name, stat[Stat.SIZE]!)
        : type === S_IFLNK
          ? String(native.readlinkat(dir, name))
          : null,
    group: groups.get(key) ?? null,
  }
}

function xattrsOf(dir: number, name: string): Record<string, string> {
  const names = native.listxattr(dir, name)
  if (typeof names === 'number') return {}
  return Object.fromEntries(
    [...names]
      .sort()
      .map((each) => [each, Buffer.from(native.getxattr(dir, name, each) as Uint8Array).toString('latin1')]),
  )
}

function contentOf(dir: number, name: string, size: number): string {
  const fd = native.openat(dir, name, O_RDONLY, 0)
  const bytes = Buffer.alloc(size)
  for (let at = 0; at < size; ) {
    const got = native.pread(fd, bytes, at, size - at, at)
    if (got <= 0) throw new Error(`${name}: ${got}`)
    at += got
  }
  native.close(fd)
  return bytes.toString('latin1')
}
