/**
 * A directory on disk (a mount, an unpacked layer) as a tree to compare with an image's. A file's content is read when
 * it is asked for: only where both have a file of that size. Paths are latin1.
 */
import { createHash } from 'node:crypto'
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync, type Stats } from 'node:fs'
import { errorWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { pathBytes, shown } from '../../base/text.js'
import { AT_FDCWD } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { xattrText } from './layer-sink.js'
import type { Entry, Inode, Kind, Node } from './node.js'

/** Letters of a digest that are kept, as in layer-sink.ts. */
const KEPT = 22
const CHUNK = 1024 * 1024

/** The tree at `path`. Throws StratafsError that names what cannot be read. */
export function directoryTree(path: string): Node {
  const inodes = new Map<string, Inode>()
  const nodeAt = (at: string): Node | null => {
    const stat = lstatSync(pathBytes(at))
    const kind = kindOf(stat)
    // A socket is in no layer.
    if (kind === null) return null
    const entry = new DiskEntry(at, kind, stat, inodeOf(stat, inodes))
    return { entry, children: kind === 'directory' ? childrenOf(at, nodeAt) : null }
  }
  const root = told(path, () => nodeAt(path))
  if (root?.children != null) return root
  throw new StratafsError(`${shown(path)} is no directory`, 'INVALID_ARGUMENT')
}

function childrenOf(path: string, nodeAt: (at: string) => Node | null): Map<string, Node> {
  const children = new Map<string, Node>()
  for (const name of readdirSync(pathBytes(path), 'latin1')) {
    const node = told(`${path}/${name}`, () => nodeAt(`${path}/${name}`))
    if (node !== null) children.set(name, node)
  }
  return children
}

function told<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof StratafsError) throw error
    throw new StratafsError(`${shown(path)} cannot be read: ${errorWords(error)}`)
  }
}

function kindOf(stat: Stats): Kind | null {
  if (stat.isFile()) return 'file'
  if (stat.isDirectory()) return 'directory'
  if (stat.isSymbolicLink()) return 'symlink'
  if (stat.isFIFO()) return 'fifo'
  return stat.isCharacterDevice() ? 'char' : stat.isBlockDevice() ? 'block' : null
}

function inodeOf({ dev, ino, size }: Stats, inodes: Map<string, Inode>): Inode {
  const key = `${dev}:${ino}`
  const known = inodes.get(key) ?? { bytes: size, names: 0, layer: 0 }
  known.names++
  inodes.set(key, known)
  return known
}

class DiskEntry implements Entry {
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  /** As the kernel has them, not as text. */
  readonly acls = null
  readonly layer = 0
  readonly #device: number

  constructor(
    private readonly path: string,
    readonly kind: Kind,
    stat: Stats,
    readonly inode: Inode,
  ) {
    this.mode = stat.mode & 0o7777
    this.uid = stat.uid
    this.gid = stat.gid
    this.size = kind === 'file' ? stat.size : 0
    this.#device = stat.rdev
  }

  get target(): string {
    if (this.kind === 'symlink') return told(this.path, () => readlinkSync(pathBytes(this.path), 'latin1'))
    const device = this.#device
    const major = ((device >>> 8) & 0xfff) | (Math.floor(device / 2 ** 32) & ~0xfff)
    const minor = (device & 0xff) | ((device >>> 12) & 0xffffff00)
    return this.kind === 'char' || this.kind === 'block' ? `${major}:${minor}` : ''
  }

  get xattrs(): string {
    const names = native.listxattr(AT_FDCWD, this.path)
    const found = typeof names === 'number' ? [] : names
    return xattrText(
      found.flatMap((name) => {
        const value = native.getxattr(AT_FDCWD, this.path, name)
        return typeof value === 'number' ? [] : [[name, value] as const]
      }),
    )
  }

  get content(): string | null {
    if (this.kind !== 'file') return null
    return told(this.path, () => digestOf(this.path))
  }
}

function digestOf(path: string): string {
  const fd = openSync(pathBytes(path), 'r')
  try {
    const hash = createHash('sha256')
    const chunk = Buffer.allocUnsafe(CHUNK)
    for (let got = readSync(fd, chunk); got > 0; got = readSync(fd, chunk)) hash.update(chunk.subarray(0, got))
    return hash.digest('base64').slice(0, KEPT)
  } finally {
    closeSync(fd)
  }
}
