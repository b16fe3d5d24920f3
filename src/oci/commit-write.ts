/**
 * Entries become an archive: headers from the facts that the tree of changes holds, content from where it lies (of a metacopy
 * from the layer that has it). A file is looked at again once it has been read: one that was written to meanwhile would be in
 * the layer as it never was, so it is told.
 */
import { setImmediate as breathe } from 'node:timers/promises'
import { Errno, errnoName } from '../base/errno.js'
import { StratafsError } from '../base/failure.js'
import { shown } from '../base/text.js'
import type { RealDir } from '../layers/real-dir.js'
import { O_NOFOLLOW, O_RDONLY, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { Stat } from '../syscalls/stat.js'
import type { LayerEntry } from './commit-entries.js'
import { type LayerStack, pathOf } from './diff-stack.js'
import type { Present } from './diff-tree.js'
import { xattrsOf } from './diff-xattrs.js'
import type { TarWriter } from './tar-write.js'
import { type EntryHeader, TypeFlag } from './tar-write-header.js'

export interface WriteOptions {
  /** No time in the archive is later: seconds since 1970, or null. */
  readonly timestamp: number | null
  readonly progress?: ((bytes: number) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface Written {
  entries: number
  whiteouts: number
  /** Of file contents. */
  bytes: number
  /** Paths in the archive, for a reader. */
  readonly sockets: string[]
  readonly changedMeanwhile: string[]
}

const PERMISSIONS = 0o7777
/** Entries between two looks at the clock and at signals. */
const TURN = 256

const TYPES: Readonly<Record<number, EntryHeader['type']>> = {
  [S_IFREG]: TypeFlag.FILE,
  [S_IFDIR]: TypeFlag.DIRECTORY,
  [S_IFLNK]: TypeFlag.SYMLINK,
  [S_IFCHR]: TypeFlag.CHAR,
  [S_IFBLK]: TypeFlag.BLOCK,
  [S_IFIFO]: TypeFlag.FIFO,
}

/** Writes `entries` of `stack` to `tar`, without finishing it. Throws StratafsError, or the signal's reason. */
export async function writeEntries(
  stack: LayerStack,
  entries: Iterable<LayerEntry>,
  tar: TarWriter,
  options: WriteOptions,
): Promise<Written> {
  const written: Written = { entries: 0, whiteouts: 0, bytes: 0, sockets: [], changedMeanwhile: [] }
  for (const entry of entries) {
    await writeEntry(new EntryWriter(stack, tar, options), entry, written)
    if (++written.entries % TURN !== 0) continue
    options.progress?.(written.bytes)
    await breathe()
    options.signal?.throwIfAborted()
  }
  return written
}

async function writeEntry(writer: EntryWriter, entry: LayerEntry, written: Written): Promise<void> {
  if (entry.kind === 'socket') {
    written.entries--
    written.sockets.push(shown(entry.path))
  } else if (entry.kind === 'whiteout') {
    written.whiteouts++
    await writer.whiteout(entry.path, entry.parent)
  } else if (entry.link !== null) await writer.link(entry.path, entry.link, entry.present)
  else if (entry.present.type === S_IFREG) {
    written.bytes += entry.present.stat[Stat.SIZE]!
    if (!(await writer.file(entry.path, entry.present))) written.changedMeanwhile.push(shown(entry.path))
  } else await writer.other(entry.path, entry.present)
}

class EntryWriter {
  constructor(
    readonly stack: LayerStack,
    readonly tar: TarWriter,
    readonly options: WriteOptions,
  ) {}

  #header(path: string, { stat, type }: Present): EntryHeader {
    return {
      name: type === S_IFDIR ? `${path}/` : path,
      type: TYPES[type] ?? TypeFlag.FILE,
      mode: stat[Stat.MODE]! & PERMISSIONS,
      uid: stat[Stat.UID]!,
      gid: stat[Stat.GID]!,
      size: 0,
      ...this.#time(stat),
      linkname: '',
      major: 0,
      minor: 0,
      xattrs: [],
    }
  }

  #time(stat: Float64Array): { mtime: number; mtimeNs: number } {
    const mtime = stat[Stat.MTIME]!
    const { timestamp } = this.options
    if (timestamp !== null && mtime >= timestamp) return { mtime: timestamp, mtimeNs: 0 }
    return { mtime, mtimeNs: stat[Stat.MTIME_NS]! }
  }

  whiteout(path: string, parent: Present): Promise<void> {
    return this.tar.header({
      ...this.#header(path, parent),
      name: path,
      type: TypeFlag.FILE,
      mode: 0o600,
    })
  }

  link(path: string, linkname: string, present: Present): Promise<void> {
    return this.tar.header({ ...this.#header(path, present), type: TypeFlag.LINK, linkname })
  }

  /** Directories, symbolic links, devices, FIFOs. */
  other(path: string, present: Present): Promise<void> {
    const { stat, type, dir, name } = present
    const isDevice = type === S_IFCHR || type === S_IFBLK
    return this.tar.header({
      ...this.#header(path, present),
      linkname: type === S_IFLNK ? this.#target(dir, name) : '',
      major: isDevice ? stat[Stat.RDEV_MAJOR]! : 0,
      minor: isDevice ? stat[Stat.RDEV_MINOR]! : 0,
      xattrs: this.#xattrs(dir, name),
    })
  }

  #xattrs(dir: RealDir, name: string) {
    this.stack.cache.beginOperation()
    return xattrsOf(this.stack, dir, name)
  }

  #target(dir: RealDir, name: string): string {
    this.stack.cache.beginOperation()
    const target = native.readlinkat(this.stack.fd(dir), name)
    if (typeof target === 'string') return target
    throw new StratafsError(`${shown(pathOf(dir, name))} cannot be read: ${errnoName(target)}`)
  }

  /** False when it was written to while it was read. */
  async file(path: string, present: Present): Promise<boolean> {
    const size = present.stat[Stat.SIZE]!
    await this.tar.header({
      ...this.#header(path, present),
      size,
      xattrs: this.#xattrs(present.dir, present.name),
    })
    if (size === 0) return this.#isStill(present)
    const place = present.data === null ? present : { dir: present.data, name: present.dataName }
    const fd = this.#open(place.dir, place.name)
    try {
      const got = await this.tar.content(fd, size)
      return got === size && this.#isStill(present)
    } catch (error) {
      if (!(error instanceof StratafsError) || !error.message.startsWith('cannot be read')) throw error
      throw new StratafsError(`${shown(pathOf(place.dir, place.name))} ${error.message}`)
    } finally {
      native.close(fd)
    }
  }

  #open(dir: RealDir, name: string): number {
    this.stack.cache.beginOperation()
    const fd = native.openat(this.stack.fd(dir), name, O_RDONLY | O_NOFOLLOW, 0)
    if (fd >= 0) return fd
    const gone = fd === -Errno.ENOENT ? 'was removed while the layer was written' : `cannot be opened: ${errnoName(fd)}`
    throw new StratafsError(`${shown(pathOf(dir, name))} ${gone}`)
  }

  /** Lower files do not change. */
  #isStill({ dir, name, stat }: Present): boolean {
    if (!dir.layer.isUpper) return true
    this.stack.cache.beginOperation()
    if (native.statat(this.stack.fd(dir), name) < 0) return false
    return [Stat.SIZE, Stat.MTIME, Stat.MTIME_NS, Stat.CTIME, Stat.CTIME_NS, Stat.INO_LOW].every(
      (slot) => native.stat[slot] === stat[slot],
    )
  }
}
