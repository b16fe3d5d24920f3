/**
 * A file's data on its way to the sink: one piece after the other, or, of a sparse file, each part to where it belongs.
 */
import type { TarEntry, TarSink } from './entry.js'

export class DataOut {
  #entry: TarEntry | null = null
  /** Position in the list of parts, and inside that part; without a list in the file. */
  #part = 0
  #inPart = 0

  constructor(private readonly sink: TarSink) {}

  /** What follows belongs to `entry`. */
  begin(entry: TarEntry): void {
    this.#entry = entry
    this.#part = 0
    this.#inPart = 0
  }

  /** The next bytes, which the entry has room for. A directory's list of names is nobody's data. */
  give(bytes: Buffer): void {
    const { type, extents } = this.#entry!
    if (extents !== null) return this.#spread(bytes)
    if (type === 'file') this.sink.data(bytes, this.#inPart)
    this.#inPart += bytes.length
  }

  #spread(bytes: Buffer): void {
    const { extents } = this.#entry!
    for (let at = 0; at < bytes.length; ) {
      const { offset, length } = extents![this.#part]!
      const taken = Math.min(length - this.#inPart, bytes.length - at)
      if (taken > 0) this.sink.data(bytes.subarray(at, at + taken), offset + this.#inPart)
      at += taken
      this.#inPart += taken
      if (this.#inPart < length) continue
      this.#part++
      this.#inPart = 0
    }
  }
}
