/** The bytes of an archive as they come, in pieces of any length, given out as blocks and runs. */
import { isZero } from './read-header.js'

export class TarInput {
  #chunk: Buffer = Buffer.alloc(0)
  #at = 0
  /** Bytes of the chunks before. */
  #before = 0
  /** A block that lies in two chunks, and how much of it is there. */
  #partial: Buffer | null = null
  #filled = 0

  /** The next chunk; the one before has been used up. */
  feed(chunk: Buffer): void {
    this.#before += this.#chunk.length
    this.#chunk = chunk
    this.#at = 0
  }

  /** Bytes used so far. */
  get position(): number {
    return this.#before + this.#at
  }

  /** Counts `length` bytes that nobody feeds; the chunk has been used up. */
  pass(length: number): void {
    this.#before += length
  }

  /** Some bytes of a block have come, and not all. */
  get isAmidBlock(): boolean {
    return this.#filled > 0
  }

  /** The next `length` bytes, once they are all there; else null. */
  block(length: number): Buffer | null {
    const available = this.#chunk.length - this.#at
    if (this.#partial === null && available >= length) return this.run(length)
    if (available === 0 && length > 0) return null
    this.#partial ??= Buffer.alloc(length)
    const taken = this.#chunk.copy(this.#partial, this.#filled, this.#at, this.#at + length - this.#filled)
    this.#at += taken
    this.#filled += taken
    if (this.#filled < length) return null
    const block = this.#partial
    this.#partial = null
    this.#filled = 0
    return block
  }

  /** The bytes at hand, `most` at most; valid until the next chunk comes. */
  run(most: number): Buffer {
    const bytes = this.#chunk.subarray(this.#at, Math.min(this.#at + most, this.#chunk.length))
    this.#at += bytes.length
    return bytes
  }

  /** Uses up what is left of the chunk; whether it was nothing but zeros. */
  restIsZero(): boolean {
    const zero = isZero(this.#chunk, this.#at)
    this.#at = this.#chunk.length
    return zero
  }
}
