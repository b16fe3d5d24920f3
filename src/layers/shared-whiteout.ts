/**
 * Whiteouts as one inode with many names. A new inode for each costs the filesystem a search and the disk a block's
 * part, where a further link costs a name. So one is made in the workdir, at the first need, and every whiteout is a
 * link to it. As ovl_whiteout() in fs/overlayfs/dir.c. Where links are refused, or an inode has as many as it may,
 * others are made. Where there can be no devices it is an empty file with the mark `whiteout`, marked before anybody
 * sees it.
 */
import { Errno } from '../base/errno.js'
import { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY, RENAME_NOREPLACE, S_IFCHR } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import type { MarkStore } from './marks.js'

export class SharedWhiteout {
  /** Its name in `work/`; '' until there is one. */
  #name = ''
  #refused = false
  /** What marks a file as a whiteout; null: devices are made. */
  marks: MarkStore | null = null

  constructor(
    private readonly work: number,
    private readonly temporary: () => string,
  ) {}

  /** Puts a whiteout at (fd, name), where nothing stands; 0 or -errno. One act there. */
  place(fd: number, name: string): number {
    if (this.#refused) return this.#make(fd, name)
    if (this.#name === '') this.#name = this.#begin()
    if (this.#name === '') return this.#make(fd, name)
    const errno = native.linkat(this.work, this.#name, fd, name)
    if (errno >= 0 || errno === -Errno.EEXIST) return errno
    // With as many names as it may have it has done its work; any other answer would be the same next time.
    this.close()
    this.#refused = errno !== -Errno.EMLINK
    return this.#make(fd, name)
  }

  /** Takes its own name away; the whiteouts stay. */
  close(): void {
    if (this.#name !== '') native.unlinkat(this.work, this.#name, 0)
    this.#name = ''
  }

  #begin(): string {
    const name = this.temporary()
    const made = this.marks === null ? makeDevice(this.work, name) : makeMarked(this.work, name, this.marks)
    if (made >= 0) return name
    this.#refused = true
    return ''
  }

  #make(fd: number, name: string): number {
    if (this.marks === null) return makeDevice(fd, name)
    const temporary = this.temporary()
    let errno = makeMarked(this.work, temporary, this.marks)
    if (errno >= 0) errno = native.renameat(this.work, temporary, fd, name, RENAME_NOREPLACE)
    if (errno < 0) native.unlinkat(this.work, temporary, 0)
    return errno
  }
}

/** A marked file at (fd, name), which must be in the workdir; 0 or -errno, and nothing is left then. */
export function makeMarked(fd: number, name: string, marks: MarkStore): number {
  const file = native.openat(fd, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600)
  if (file < 0) return file
  const errno = marks.set(file, '', 'whiteout', 'y')
  native.close(file)
  if (errno < 0) native.unlinkat(fd, name, 0)
  return errno
}

/** A device 0:0 at (fd, name); 0 or -errno. */
export function makeDevice(fd: number, name: string): number {
  return native.mknodat(fd, name, S_IFCHR, 0, 0)
}
