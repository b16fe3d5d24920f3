/**
 * Entries become an archive: headers from the facts that the tree of changes holds, content from where it lies (of a
 * metacopy from the layer that has it). A file is looked at again once it has been read: one that was written to
 * meanwhile would be in the layer as it never was, so it is told.
 */

import { setImmediate as breathe } from 'node:timers/promises'
import { Errno } from '../../base/errno.js'
import { errnoWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import type { LayerDir } from '../../layers/layer-dir.js'
import { type LayerStack, pathOf } from '../../stack/layer-stack.js'
import {
  O_RDONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFREG,
  S_PERMISSIONS,
} from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'
import type { Present } from '../changes/tree.js'
import { xattrsOf } from '../changes/xattrs.js'
import { type EntryHeader, TypeFlag } from '../tar/write-header.js'
import type { TarWriter } from '../tar/writer.js'
import type { LayerEntry } from './entries.js'

export interface WriteOptions {
  /** No time in the archive is later: seconds since 1970, or null. */
  readonly timestamp: number | null
  /** The upper may be written to meanwhile: each file is looked at again. */
  readonly watched: boolean
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
  const writer = new EntryWriter(stack, tar, options)
  for (const entry of entries) {
    const pending = writeEntry(writer, entry, written)
    // Most entries need nothing to be waited for.
    if (pending !== undefined) await pending
    if (++written.entries % TURN !== 0) continue
    options.progress?.(written.bytes)
    await breathe()
    options.signal?.throwIfAborted()
  }
  return written
}

function writeEntry(writer: EntryWriter, entry: LayerEntry, written: Written): Promise<void> | void {
  if (entry.kind === 'socket') {
    written.entries--
    written.sockets.push(shown(entry.path))
    return
  }
  if (entry.kind === 'whiteout') {
    written.whiteouts++
    return writer.whiteout(entry.path, entry.parent)
  }
  if (entry.link !== null) return writer.link(entry.path, entry.link, entry.present)
  if (entry.present.type !== S_IFREG) return writer.other(entry.path, entry.present)
  written.bytes += entry.present.stat[Stat.SIZE]!
  const judge = (same: boolean): void => {
    if (!same) written.changedMeanwhile.push(shown(entry.path))
  }
  const same = writer.file(entry.path, entry.present)
  return typeof same === 'boolean' ? judge(same) : same.then(judge)
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
      mode: stat[Stat.MODE]! & S_PERMISSIONS,
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

  whiteout(path: string, parent: Present): Promise<void> | void {
    return this.tar.header({
      ...this.#header(path, parent),
      name: path,
      type: TypeFlag.FILE,
      mode: 0o600,
    })
  }

  link(path: string, linkname: string, present: Present): Promise<void> | void {
    return this.tar.header({ ...this.#header(path, present), type: TypeFlag.LINK, linkname })
  }

  /** Directories, symbolic links, devices, FIFOs. */
  other(path: string, present: Present): Promise<void> | void {
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

  #xattrs(dir: LayerDir, name: string) {
    this.stack.cache.beginOperation()
    return xattrsOf(this.stack, dir, name)
  }

  #target(dir: LayerDir, name: string): string {
    this.stack.cache.beginOperation()
    const target = native.readlinkat(this.stack.fd(dir), name)
    if (typeof target === 'string') return target
    throw new StratafsError(`${shown(pathOf(dir, name))} cannot be read: ${errnoWords(target)}`)
  }

  /** False when it was written to while it was read. */
  file(path: string, present: Present): Promise<boolean> | boolean {
    const size = present.stat[Stat.SIZE]!
    const xattrs = this.#xattrs(present.dir, present.name)
    const pending = this.tar.header({ ...this.#header(path, present), size, xattrs })
    if (size === 0 && pending === undefined) return this.#isStill(present)
    const place = present.data === null ? present : { dir: present.data, name: present.dataName }
    const fd = this.#open(place.dir, place.name)
    if (pending !== undefined)
      return this.#rest(
        pending.then(() => this.tar.content(fd, size)),
        fd,
        place,
        present,
      )
    try {
      const got = this.tar.content(fd, size)
      if (typeof got !== 'number') return this.#rest(got, fd, place, present)
      native.close(fd)
      return got === size && this.#isStill(present)
    } catch (error) {
      native.close(fd)
      throw named(error, place)
    }
  }

  /** Waits for a content that takes more than the piece at hand. */
  async #rest(content: Promise<number>, fd: number, place: Place, present: Present): Promise<boolean> {
    try {
      return (await content) === present.stat[Stat.SIZE] && this.#isStill(present)
    } catch (error) {
      throw named(error, place)
    } finally {
      native.close(fd)
    }
  }

  #open(dir: LayerDir, name: string): number {
    this.stack.cache.beginOperation()
    const fd = native.openFile(this.stack.fd(dir), name, O_RDONLY)
    if (fd >= 0) return fd
    if (fd === -Errno.ESTALE) throw new StratafsError(`${shown(pathOf(dir, name))} is no regular file any more`)
    const gone =
      fd === -Errno.ENOENT ? 'was removed while the layer was written' : `cannot be opened: ${errnoWords(fd)}`
    throw new StratafsError(`${shown(pathOf(dir, name))} ${gone}`)
  }

  /** Lower files do not change, and an upper that is not mounted has nobody who writes to it. */
  #isStill({ dir, name, stat }: Present): boolean {
    if (!this.options.watched || !dir.layer.isUpper) return true
    this.stack.cache.beginOperation()
    if (native.statat(this.stack.fd(dir), name) < 0) return false
    return [Stat.SIZE, Stat.MTIME, Stat.MTIME_NS, Stat.CTIME, Stat.CTIME_NS, Stat.INO_LOW].every(
      (slot) => native.stat[slot] === stat[slot],
    )
  }
}

interface Place {
  readonly dir: LayerDir
  readonly name: string
}

/** The archive's writer does not know whose content it reads. */
function named(error: unknown, { dir, name }: Place): unknown {
  if (!(error instanceof StratafsError) || !error.message.startsWith('cannot be read')) return error
  return new StratafsError(`${shown(pathOf(dir, name))} ${error.fault}`, error.code, error.remedy)
}
