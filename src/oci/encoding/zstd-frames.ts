/**
 * Where frames of a zstd stream begin and end (RFC 8878, section 3.1), found without decompressing. Node's own
 * decompressor ends without a word at a skippable frame, at what is no frame, and in Node 22 at a stream that is cut
 * short; so it is given whole frames only, and this says what is wrong with the rest.
 */
const MAGIC = 0xfd2fb528
const SKIPPABLE = 0x184d2a50

/** Bytes of the fields that the descriptor announces, by its bits. */
const DICTIONARY_BYTES = [0, 1, 2, 4] as const
const CONTENT_BYTES = [0, 2, 4, 8] as const

/** What comes next in the stream. */
type Step = 'magic' | 'skip-size' | 'skip' | 'header' | 'block' | 'content' | 'checksum'

/** Takes the stream in pieces of any size. */
export class ZstdFrames {
  #step: Step = 'magic'
  /** The fixed-size field being gathered, and how much of it is wanted. */
  #field = Buffer.alloc(0)
  #wanted = 4
  /** Bytes left of a block or a skippable frame. */
  #left = 0
  #isLast = false
  #hasChecksum = false

  /** Whether the stream may end here. */
  get isBetween(): boolean {
    return this.#step === 'magic' && this.#field.length === 0
  }

  /**
   * What belongs to data frames in the next piece of the stream, null at the end of each. Throws an Error in words at
   * what is no frame.
   */
  take(chunk: Buffer): (Buffer | null)[] {
    const parts: (Buffer | null)[] = []
    for (let at = 0; at < chunk.length; ) {
      const isBody = this.#step === 'content' || this.#step === 'skip'
      const length = isBody ? this.#left : this.#wanted - this.#field.length
      const part = chunk.subarray(at, at + length)
      at += part.length
      if (isBody) this.#pass(part, parts)
      else this.#gather(part, parts)
    }
    return joined(parts)
  }

  #pass(part: Buffer, parts: (Buffer | null)[]): void {
    const isContent = this.#step === 'content'
    this.#left -= part.length
    if (isContent) parts.push(part)
    if (this.#left === 0) this.#bodyEnded()
    if (isContent && this.#step === 'magic') parts.push(null)
  }

  #gather(part: Buffer, parts: (Buffer | null)[]): void {
    this.#field = Buffer.concat([this.#field, part])
    if (this.#field.length < this.#wanted) return
    const field = this.#field
    if (this.#step === 'header' && field.length === 1) {
      this.#wanted = headerLength(field[0] as number)
      if (this.#wanted > 1) return
    }
    this.#field = Buffer.alloc(0)
    if (!this.#read(field)) return
    parts.push(field)
    // A magic number leads on to a header: back at one, the frame has ended.
    if (this.#step === 'magic') parts.push(null)
  }

  /** Reads a whole field; whether it belongs to a data frame. */
  #read(field: Buffer): boolean {
    switch (this.#step) {
      case 'magic':
        return this.#readMagic(field.readUInt32LE(0))
      case 'skip-size':
        this.#left = field.readUInt32LE(0)
        if (this.#left > 0) this.#step = 'skip'
        else this.#next('magic', 4)
        return false
      case 'header':
        this.#hasChecksum = ((field[0] as number) & 4) !== 0
        this.#next('block', 3)
        return true
      case 'block':
        this.#readBlock(field.readUIntLE(0, 3))
        return true
      default:
        this.#next('magic', 4)
        return true
    }
  }

  #readMagic(magic: number): boolean {
    if (magic === MAGIC) this.#next('header', 1)
    else if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE) this.#next('skip-size', 4)
    else throw new Error('Unknown frame descriptor')
    return magic === MAGIC
  }

  #readBlock(head: number): void {
    const kind = (head >> 1) & 3
    if (kind === 3) throw new Error('Data corruption detected')
    this.#isLast = (head & 1) === 1
    // A block of one repeated byte holds that byte only.
    this.#left = kind === 1 ? 1 : head >> 3
    this.#step = 'content'
    if (this.#left === 0) this.#bodyEnded()
  }

  #bodyEnded(): void {
    if (this.#step === 'skip') this.#next('magic', 4)
    else if (!this.#isLast) this.#next('block', 3)
    else if (this.#hasChecksum) this.#next('checksum', 4)
    else this.#next('magic', 4)
  }

  #next(step: Step, wanted: number): void {
    this.#step = step
    this.#wanted = wanted
  }
}

/** Neighbours put together: a block's head and content are one write then. */
function joined(parts: readonly (Buffer | null)[]): (Buffer | null)[] {
  const whole: (Buffer | null)[] = []
  let run: Buffer[] = []
  for (const part of [...parts, null]) {
    if (part !== null) run.push(part)
    else {
      if (run.length > 0) whole.push(Buffer.concat(run))
      whole.push(null)
      run = []
    }
  }
  return whole.slice(0, -1)
}

/** Of the whole frame header, its descriptor included. */
function headerLength(descriptor: number): number {
  const isSingle = (descriptor & 0x20) !== 0
  const content = descriptor >> 6 === 0 && isSingle ? 1 : (CONTENT_BYTES[(descriptor >> 6) as 0 | 1 | 2 | 3] as number)
  return 1 + (isSingle ? 0 : 1) + (DICTIONARY_BYTES[(descriptor & 3) as 0 | 1 | 2 | 3] as number) + content
}
