/**
 * Directory entries as READDIR and READDIRPLUS return them: records packed one behind the other, each padded to 8
 * bytes. A list is built in place in the reply, record by record, until one does not fit; that one starts the next
 * answer.
 */

import { type AttrFields, ENTRY_OUT_SIZE, entryOut, type Validity } from './replies.js'
import type { ReplyBuffer } from './reply-buffer.js'

/**
 * fuse_dirent without its name: u64 ino @0 · u64 off @8 · u32 namelen @16 · u32 type @20 · then name, padded with zeros
 * to 8
 */
export const DIRENT_HEAD = 24

/** The size of a fuse_dirent whose name has `length` bytes: FUSE_DIRENT_SIZE(). */
export function direntSize(length: number): number {
  return (DIRENT_HEAD + length + 7) & ~7
}

/** A list under construction in a reply's body. */
export class DirectoryList {
  /** Bytes of the body in use. */
  used = 0
  /** True once an entry was refused for want of room. */
  full = false
  readonly #reply: ReplyBuffer
  #limit = 0

  constructor(reply: ReplyBuffer) {
    this.#reply = reply
  }

  /** Begins a list of at most `limit` bytes. */
  start(limit: number): void {
    this.used = 0
    this.full = false
    this.#limit = Math.min(limit, this.#reply.room)
  }

  /** Adds a fuse_dirent; false when it does not fit. */
  add(name: string, cookie: number, ino: number, type: number): boolean {
    if (!this.#fits(direntSize(name.length))) return false
    this.#dirent(name, cookie, ino, type)
    return true
  }

  /**
   * Adds a fuse_direntplus (fuse_entry_out @0 · fuse_dirent @128); false when it does not fit. `nodeid` 0 with an
   * `attr` of null says "name only": all of its fuse_entry_out is zero.
   */
  addPlus(
    name: string,
    cookie: number,
    ino: number,
    type: number,
    nodeid: number,
    attr: AttrFields | null,
    entryValid: Validity,
    attrValid: Validity,
  ): boolean {
    if (!this.#fits(ENTRY_OUT_SIZE + direntSize(name.length))) return false
    if (attr === null) this.#reply.words.fill(0, (16 + this.used) >>> 2, (16 + this.used + ENTRY_OUT_SIZE) >>> 2)
    else entryOut(this.#reply, this.used, nodeid, attr, entryValid, attrValid)
    this.used += ENTRY_OUT_SIZE
    this.#dirent(name, cookie, ino, type)
    return true
  }

  #fits(size: number): boolean {
    if (this.used + size <= this.#limit) return true
    this.full = true
    return false
  }

  #dirent(name: string, cookie: number, ino: number, type: number): void {
    const reply = this.#reply
    const at = this.used
    const size = direntSize(name.length)
    reply.setU64(at, ino)
    reply.setU64(at + 8, cookie)
    reply.setU32(at + 16, name.length)
    reply.setU32(at + 20, type)
    // A name is never empty, so the last 8 bytes are its end and the padding; the name overwrites its part of them.
    reply.setU64(at + size - 8, 0)
    reply.bytes.write(name, 16 + at + DIRENT_HEAD, 'latin1')
    this.used += size
  }
}
