/**
 * The one window onto a reply's bytes. Replies are written in place, body first, then the header that tells their
 * length. The buffer is reused without being cleared, so an encoder writes every field of its struct, padding too:
 * bytes of an earlier reply must not leak into a later one.
 *
 * fuse_out_header: u32 len @0 · s32 error @4 · u64 unique @8
 */
import { OUT_HEADER } from './opcodes.js'
import type { RequestBuffer } from './request-buffer.js'

const TWO_32 = 0x1_0000_0000

export class ReplyBuffer {
  readonly words: Uint32Array
  readonly bytes: Buffer

  constructor(buffer: ArrayBuffer) {
    this.words = new Uint32Array(buffer, 0, buffer.byteLength >>> 2)
    this.bytes = Buffer.from(buffer)
  }

  /** Bytes that fit after the header. */
  get room(): number {
    return this.bytes.length - OUT_HEADER
  }

  /** Writes the header of a reply with `size` bytes of body; the reply's whole length. */
  finish(request: RequestBuffer, size: number): number {
    return this.#header(request, OUT_HEADER + size, 0)
  }

  /** A reply that is an error: `result` is -errno. */
  fail(request: RequestBuffer, result: number): number {
    return this.#header(request, OUT_HEADER, result)
  }

  #header(request: RequestBuffer, length: number, error: number): number {
    this.words[0] = length
    this.words[1] = error
    this.words[2] = request.words[2]!
    this.words[3] = request.words[3]!
    return length
  }

  /** u32 (or s32: the bits are the same) at `offset` after the header. */
  setU32(offset: number, value: number): void {
    this.words[(OUT_HEADER + offset) >>> 2] = value
  }

  /** u64 or s64 at `offset` after the header; `value` is an integer. */
  setU64(offset: number, value: number): void {
    const at = (OUT_HEADER + offset) >>> 2
    const high = Math.floor(value / TWO_32)
    this.words[at] = value - high * TWO_32
    this.words[at + 1] = high
  }

  /**
   * u64 at `offset` after the header, exact also from 2^53 on, where `value` is rounded: `low` has its low 32 bits
   * then.
   */
  setRoundedU64(offset: number, value: number, low: number): void {
    if (value <= Number.MAX_SAFE_INTEGER) return this.setU64(offset, value)
    this.setU32(offset, low)
    // What was rounded off is far less than half of 2^32.
    this.setU32(offset + 4, Math.round((value - low) / TWO_32))
  }

  /** The u32 at `offset` after the header. */
  u32(offset: number): number {
    return this.words[(OUT_HEADER + offset) >>> 2]!
  }

  /** The u64 at `offset` after the header, exact to 2^53. */
  u64(offset: number): number {
    const at = (OUT_HEADER + offset) >>> 2
    return this.words[at]! + this.words[at + 1]! * TWO_32
  }

  /** The s64 at `offset` after the header. */
  s64(offset: number): number {
    const at = (OUT_HEADER + offset) >>> 2
    return this.words[at]! + (this.words[at + 1]! | 0) * TWO_32
  }
}
