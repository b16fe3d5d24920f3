/**
 * A layer's entries become a lower directory. Each is judged by its name (names.ts), made beneath the root (tree.ts),
 * and given owner, attributes, mode and times (attributes.ts). Whiteouts become the union's. Directories get their
 * attributes at the end, the deepest first. Everything is synchronous: an entry is there in full or refused.
 */

import { Errno } from '../../base/errno.js'
import { MarkStore } from '../../layers/marks.js'
import {
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_WRONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFREG,
} from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { OwnedFd } from '../../syscalls/owned-fd.js'
import { FsStatSlot } from '../../syscalls/stat.js'
import { entryFault, printable, type TarEntry, type TarSink } from '../tar/entry.js'
import { Attributes, check } from './attributes.js'
import { Below } from './below.js'
import { Directories } from './directories.js'
import { kernelFault } from './faults.js'
import { Memory } from './memory.js'
import { type Hiding, meaningOf, targetOf } from './names.js'
import { joined } from './paths.js'
import { type ApplyPolicy, Notes } from './policy.js'
import { ApplyTree } from './tree.js'

const TYPE_BITS = { file: S_IFREG, directory: S_IFDIR, symlink: S_IFLNK, char: S_IFCHR, block: S_IFBLK, fifo: S_IFIFO }

/** What came of a layer. */
export interface Applied {
  readonly entries: number
  /** Bytes of file data written; holes do not count. */
  readonly bytes: number
  readonly whiteouts: number
  /** Directories that no entry describes: they stand on the way to others. */
  readonly implied: readonly string[]
  /** Whether it would be another on other layers: it has directories that it does not describe, or whiteouts. */
  readonly leansOnBelow: boolean
  /** What was left out, a sentence for each kind. */
  readonly notes: readonly string[]
}

export class LayerWriter implements TarSink {
  readonly #tree: ApplyTree
  readonly #attributes: Attributes
  readonly #directories: Directories
  readonly #notes = new Notes()
  /** The most that the filesystem has room for, and that one file on it can be. */
  readonly #room: number
  readonly #total: number
  readonly #umask: number
  #entry: TarEntry | null = null
  #file: OwnedFd | null = null
  #madeAs = 0
  #entries = 0
  #written = 0
  #promised = 0
  #hidden = 0

  /**
   * `rootFd`: an empty directory that nobody else can enter. `lowers`: roots of the layers beneath, top first, null
   * where nobody knows them. A directory that this layer only passes through is as they have it, and a whiteout that
   * hides nothing of them is left out. The descriptors stay the caller's.
   */
  constructor(
    rootFd: number,
    private readonly policy: ApplyPolicy,
    lowers: readonly number[] | null = null,
  ) {
    this.#tree = new ApplyTree(rootFd, policy.repeated, new Memory())
    const marks = new MarkStore(policy.markPrefix)
    const below = lowers === null ? null : new Below(lowers, marks)
    this.#attributes = new Attributes(policy, marks, this.#notes)
    this.#directories = new Directories(this.#tree, this.#attributes, marks, below)
    this.#umask = process.umask()
    native.statfs(rootFd)
    const unit = native.fsstat[FsStatSlot.FRSIZE]!
    this.#room = native.fsstat[FsStatSlot.BFREE]! * unit
    this.#total = native.fsstat[FsStatSlot.BLOCKS]! * unit
  }

  entry(entry: TarEntry): void {
    this.#entry = entry
    if (++this.#entries > this.policy.maxEntries) {
      throw entryFault(entry.name, `the archive has more than the ${this.policy.maxEntries} entries that were allowed`)
    }
    const meaning = meaningOf(entry.name)
    if (meaning.kind === 'entry') this.#make(this.#tree.resolve(meaning.parent, entry), meaning.name, entry)
    else if (meaning.kind === 'root') this.#describeRoot(entry)
    else if (meaning.kind === 'bookkeeping') this.#notes.add('AUFS’s bookkeeping, left out', entry.name)
    else this.#hide(meaning, entry)
  }

  data(bytes: Buffer, offset: number): void {
    if (this.#file === null) return
    for (let at = 0; at < bytes.length; ) {
      const written = native.pwrite(this.#file.fd, bytes, at, bytes.length - at, offset + at)
      if (written <= 0) throw kernelFault(this.#entry!.name, 'writing it', written === 0 ? -Errno.ENOSPC : written)
      at += written
    }
    this.#written += bytes.length
  }

  end(): void {
    const file = this.#file
    if (file === null) return
    const entry = this.#entry!
    if (entry.extents !== null) check(entry, 'making its holes', native.ftruncate(file.fd, entry.size))
    this.#attributes.finish(file.fd, '', entry, this.#attributes.modeOf(entry), this.#madeAs)
    this.#file = null
    check(entry, 'writing it', file.close())
  }

  /** Gives the directories what belongs to them. Nothing may come after it. */
  complete(): Applied {
    const hides = this.#tree.whiteouts.size > 0
    this.#directories.dropIdleWhiteouts()
    const implied = this.#directories.complete()
    return {
      entries: this.#entries,
      bytes: this.#written,
      whiteouts: this.#hidden,
      implied,
      leansOnBelow: hides || implied.length > 0,
      notes: this.#notes.lines(),
    }
  }

  close(): void {
    this.#file?.close()
    this.#file = null
    this.#tree.close()
  }

  // ---- whiteouts ----------------------------------------------------------------------------------------------

  #hide(meaning: Hiding, entry: TarEntry): void {
    // AUFS had them as further links of one file.
    if (entry.type !== 'file' && entry.type !== 'link') {
      throw entryFault(entry.name, `a whiteout is an empty file, not a ${entry.type}`)
    }
    this.#hidden++
    if (meaning.kind === 'whiteout') this.#tree.whiteout(meaning.parent, meaning.name, entry)
    else this.#tree.directoryRecord(this.#tree.resolve(meaning.path, entry), entry).opaque = true
  }

  // ---- entries ------------------------------------------------------------------------------------------------

  #make(parent: string, name: string, entry: TarEntry): void {
    switch (entry.type) {
      case 'directory':
        this.#tree.describe(joined(parent, name), entry)
        return
      case 'file':
        return this.#makeFile(parent, name, entry)
      case 'link':
        return this.#makeLink(parent, name, entry)
      case 'symlink':
        return this.#makeSymlink(parent, name, entry)
      default:
        return this.#makeSpecial(parent, name, entry)
    }
  }

  #describeRoot(entry: TarEntry): void {
    if (entry.type !== 'directory') throw entryFault(entry.name, 'the layer’s root can only be a directory')
    this.#tree.describe('', entry)
  }

  #makeFile(parent: string, name: string, entry: TarEntry): void {
    this.#reserve(entry)
    const fd = this.#tree.directory(parent, entry)
    const flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW
    // Setting attributes of the user class takes the right to write.
    const later = entry.xattrs !== null || entry.acls !== null || this.policy.owners === 'xattr'
    const mode = later ? 0o600 : entry.mode & 0o777
    this.#madeAs = mode & ~this.#umask
    const open = () => native.openat(fd, name, flags, mode)
    this.#file = new OwnedFd(this.#tree.create(fd, name, joined(parent, name), entry, open))
  }

  /** Says no before the disk is full, where a header already tells that it will be. */
  #reserve(entry: TarEntry): void {
    const stored = entry.extents === null ? entry.size : entry.extents.reduce((sum, { length }) => sum + length, 0)
    this.#promised += entry.size
    if (this.#promised > this.policy.maxBytes) {
      throw entryFault(
        entry.name,
        `the archive unpacks to more than the ${this.policy.maxBytes} bytes that were allowed`,
      )
    }
    if (stored > this.#room - this.#written) {
      throw entryFault(entry.name, `it needs ${stored} bytes; ${Math.max(0, this.#room - this.#written)} are free`)
    }
    if (entry.size > this.#total) {
      throw entryFault(entry.name, `${entry.size} bytes are more than this filesystem could ever hold (${this.#total})`)
    }
  }

  #makeLink(parent: string, name: string, entry: TarEntry): void {
    const target = this.#targetOf(entry)
    const path = joined(parent, name)
    const targetPath = joined(target.parent, target.name)
    const missing = () => entryFault(entry.name, `a hard link to ${printable(targetPath)}, which is not in this layer`)
    if (this.#tree.whiteouts.has(targetPath) || this.#tree.directories.has(targetPath)) throw missing()
    if (target.parent !== '' && !this.#tree.directories.has(target.parent)) throw missing()
    // Held, since finding the other directory may close this one.
    const from = native.openat(this.#tree.directory(target.parent, entry), '.', O_PATH | O_DIRECTORY, 0)
    if (from < 0) throw missing()
    try {
      const to = this.#tree.directory(parent, entry)
      if (native.statat(from, target.name) < 0) throw missing()
      // GNU tar writes a file that was named twice as a link to itself.
      if (path === targetPath) return
      const link = () => native.linkat(from, target.name, to, name)
      this.#tree.create(to, name, path, entry, link)
    } finally {
      native.close(from)
    }
  }

  #targetOf(entry: TarEntry): { readonly parent: string; readonly name: string } {
    const { parent, name } = targetOf(entry.name, entry.linkname)
    return { parent: this.#tree.resolve(parent, entry), name }
  }

  #makeSymlink(parent: string, name: string, entry: TarEntry): void {
    if (entry.linkname === '' || entry.linkname.includes('\0'))
      throw entryFault(entry.name, 'a symbolic link to nothing')
    const fd = this.#tree.directory(parent, entry)
    this.#tree.create(fd, name, joined(parent, name), entry, () => native.symlinkat(entry.linkname, fd, name))
    this.#attributes.finish(fd, name, entry, 0, 0)
  }

  #makeSpecial(parent: string, name: string, entry: TarEntry): void {
    const isDevice = entry.type !== 'fifo'
    // Overlay's own spelling, in a tar that was made of an upper directory as it lay there.
    if (entry.type === 'char' && entry.major === 0 && entry.minor === 0) {
      this.#hidden++
      return this.#tree.whiteout(parent, name, entry)
    }
    if (isDevice && this.policy.devices === 'refuse')
      throw entryFault(entry.name, 'a device, which was not to be allowed (--nodev)')
    if (isDevice && this.policy.devices === 'skip')
      return this.#notes.add('a device, which only the machine’s root can make; left out', entry.name)
    const fd = this.#tree.directory(parent, entry)
    const mode = TYPE_BITS[entry.type as 'char'] | (entry.mode & 0o777)
    const { major, minor } = isDevice ? entry : { major: 0, minor: 0 }
    this.#tree.create(fd, name, joined(parent, name), entry, () => native.mknodat(fd, name, mode, major, minor))
    this.#attributes.finish(fd, name, entry, this.#attributes.modeOf(entry), mode & 0o777 & ~this.#umask)
  }
}
