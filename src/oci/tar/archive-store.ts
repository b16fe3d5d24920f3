/** Storing an archive: it is hashed (diffID), compressed, and what comes out is hashed (digest) and written. */
import { createHash, type Hash } from 'node:crypto'
import { writeSync } from 'node:fs'
import type { Transform } from 'node:stream'
import { compressor } from '../encoding/compression.js'
import type { ChannelStart, StoredArchive } from './write-channel.js'

/** Writes all of `bytes`; a pipe whose reader is slow is waited for. */
function writeAll(fd: number, bytes: Uint8Array): void {
  let at = 0
  while (at < bytes.length) {
    try {
      at += writeSync(fd, bytes, at)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    }
  }
}

export class ArchiveStore {
  readonly #fd: number
  readonly #diffID = createHash('sha256')
  readonly #digest: Hash | null
  readonly #packer: Transform | null
  readonly #packed: Promise<void>
  #tarSize = 0
  #size = 0

  /** `fd` stays the caller's. */
  constructor({ fd, compression, level }: Pick<ChannelStart, 'fd' | 'compression' | 'level'>) {
    this.#fd = fd
    this.#packer = compression === 'none' ? null : compressor(compression, level)
    this.#digest = this.#packer === null ? null : createHash('sha256')
    this.#packed = this.#packer === null ? Promise.resolve() : this.#drain(this.#packer)
    this.#packed.catch(() => {})
  }

  async #drain(packer: Transform): Promise<void> {
    for await (const bytes of packer) {
      this.#digest!.update(bytes as Buffer)
      this.#size += (bytes as Buffer).length
      writeAll(this.#fd, bytes as Buffer)
    }
  }

  /** Resolves when the piece may be filled again. */
  take(bytes: Buffer): Promise<void> | void {
    this.#diffID.update(bytes)
    this.#tarSize += bytes.length
    const packer = this.#packer
    if (packer === null) return writeAll(this.#fd, bytes)
    return Promise.race([
      new Promise<void>((resolve, reject) => packer.write(bytes, (error) => (error ? reject(error) : resolve()))),
      // Only when it fails: its end comes after the last piece.
      this.#packed,
    ])
  }

  async finish(): Promise<StoredArchive> {
    this.#packer?.end()
    await this.#packed
    const diffID = `sha256:${this.#diffID.digest('hex')}`
    const digest = this.#digest === null ? diffID : `sha256:${this.#digest.digest('hex')}`
    return { diffID, digest, size: this.#digest === null ? this.#tarSize : this.#size, tarSize: this.#tarSize }
  }
}
