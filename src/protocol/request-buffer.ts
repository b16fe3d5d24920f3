/**
 * The one window onto a request's bytes. A request is read where the kernel put it: nothing is copied but the names.
 * The bytes may be garbage, so every access is made inside [0, end): a decoder asks `has` for its struct first, and
 * `text` never runs past the end. Numbers are the host's own (little-endian: x86-64, arm64, riscv64).
 *
 * fuse_in_header: u32 len @0 · u32 opcode @4 · u64 unique @8 · u64 nodeid @16 · u32 uid @24 · u32 gid @28 ·
 * u32 pid @32 · u16 total_extlen @36 (in 8 bytes, of extensions at the message's end; zero before 7.38) ·
 * u16 padding @38
 */
import { IN_HEADER } from './opcodes.js'

const TWO_32 = 0x1_0000_0000

export class RequestBuffer {
  readonly words: Uint32Array
  readonly bytes: Buffer
  /** Where the request's own bytes end: its length without extensions. */
  end = 0
  /** Where the last `text` ended, its NUL included; counted like `text`'s argument. */
  after = 0
  /** INIT agreed on SETXATTR_EXT: fuse_setxattr_in has 16 bytes and not 8. */
  extendedSetxattr = false

  constructor(buffer: ArrayBuffer) {
    this.words = new Uint32Array(buffer, 0, buffer.byteLength >>> 2)
    this.bytes = Buffer.from(buffer)
  }

  /** Takes a request of `length` bytes into view; false when its header contradicts that length. */
  begin(length: number): boolean {
    this.end = 0
    this.after = 0
    if (length < IN_HEADER || length > this.bytes.length || this.words[0] !== length) return false
    const extensions = (this.words[9]! & 0xffff) * 8
    if (extensions > length - IN_HEADER) return false
    this.end = length - extensions
    return true
  }

  get opcode(): number {
    return this.words[1]!
  }

  /** For printing only: replies copy the two halves. */
  get unique(): number {
    return this.words[2]! + this.words[3]! * TWO_32
  }

  get nodeid(): number {
    return this.words[4]! + this.words[5]! * TWO_32
  }

  get uid(): number {
    return this.words[6]!
  }

  get gid(): number {
    return this.words[7]!
  }

  get pid(): number {
    return this.words[8]!
  }

  /** True when at least `size` bytes follow the header. */
  has(size: number): boolean {
    return IN_HEADER + size <= this.end
  }

  /** The u32 at `offset` after the header; 4-aligned, and covered by an earlier `has`. */
  u32(offset: number): number {
    return this.words[(IN_HEADER + offset) >>> 2]!
  }

  /** The u64 at `offset` after the header: exact to 2^53, rounded above. */
  u64(offset: number): number {
    const at = (IN_HEADER + offset) >>> 2
    return this.words[at]! + this.words[at + 1]! * TWO_32
  }

  /** The s64 at `offset` after the header: times before 1970 are negative. */
  s64(offset: number): number {
    const at = (IN_HEADER + offset) >>> 2
    return this.words[at]! + (this.words[at + 1]! | 0) * TWO_32
  }

  /**
   * The NUL-terminated latin1 string at `offset` after the header; '' when it is empty or not terminated. Sets `after`.
   */
  text(offset: number): string {
    const start = IN_HEADER + offset
    if (start >= this.end) return ''
    const stop = this.bytes.indexOf(0, start)
    if (stop <= start || stop >= this.end) return ''
    this.after = stop + 1 - IN_HEADER
    return this.bytes.toString('latin1', start, stop)
  }

  /** Like `text`, for a directory entry's name: also '' where it is `.`, `..` or holds a slash. */
  name(offset: number): string {
    const name = this.text(offset)
    return name === '.' || name === '..' || name.includes('/') ? '' : name
  }

  /** A view of `size` bytes at `offset` after the header, covered by an earlier `has`; valid until the next request. */
  view(offset: number, size: number): Uint8Array {
    return this.bytes.subarray(IN_HEADER + offset, IN_HEADER + offset + size)
  }
}
