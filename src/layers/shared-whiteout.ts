/**
 * Whiteouts as one inode with many names. A new inode for each costs the filesystem a search and the disk a block's part,
 * where a further link costs a name; so one is made in the workdir, at the first need, and every whiteout is a link to it.
 * As ovl_whiteout() in fs/overlayfs/dir.c. Where links are refused, or an inode has as many as it may, others are made.
 */
import { Errno } from '../base/errno.js'
import { S_IFCHR } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'

export class SharedWhiteout {
  /** Its name in `work/`; '' until there is one. */
  #name = ''
  #refused = false

  constructor(
    private readonly work: number,
    private readonly temporary: () => string,
  ) {}

  /** Puts a whiteout at (fd, name), where nothing stands; 0 or -errno. One act there. */
  place(fd: number, name: string): number {
    if (this.#refused) return make(fd, name)
    if (this.#name === '') this.#name = this.#begin()
    if (this.#name === '') return make(fd, name)
    const errno = native.linkat(this.work, this.#name, fd, name)
    if (errno >= 0 || errno === -Errno.EEXIST) return errno
    // With as many names as it may have it has done its work; any other answer would be the same next time.
    this.close()
    this.#refused = errno !== -Errno.EMLINK
    return make(fd, name)
  }

  /** Takes its own name away; the whiteouts stay. */
  close(): void {
    if (this.#name !== '') native.unlinkat(this.work, this.#name, 0)
    this.#name = ''
  }

  #begin(): string {
    const name = this.temporary()
    if (make(this.work, name) >= 0) return name
    this.#refused = true
    return ''
  }
}

function make(fd: number, name: string): number {
  return native.mknodat(fd, name, S_IFCHR, 0, 0)
}
