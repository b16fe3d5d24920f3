/** A blob of a layout while it is written: under another name until it is whole. */
import { createHash } from 'node:crypto'
import { fsyncSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs'
import { errorWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { pathBytes } from '../../base/text.js'
import { OwnedFd } from '../../syscalls/owned-fd.js'
import type { Layout } from '../image/layout.js'

/** A blob that has no name yet. */
export class FreshBlob {
  readonly #path: string
  readonly #file: OwnedFd
  #hash = createHash('sha256')
  #size = 0

  constructor(private readonly layout: Layout) {
    this.#path = layout.temporaryBlob()
    this.#file = new OwnedFd(openSync(pathBytes(this.#path), 'wx', 0o644))
  }

  write(chunk: Buffer): void {
    try {
      for (let at = 0; at < chunk.length; )
        at += writeSync(this.#file.fd, chunk, at, chunk.length - at, this.#size + at)
    } catch (error) {
      throw new StratafsError(`the blob cannot be written: ${errorWords(error)}`)
    }
    this.#hash.update(chunk)
    this.#size += chunk.length
  }

  /** Forgets what was written: the next bytes begin the blob. */
  restart(): void {
    this.#hash = createHash('sha256')
    this.#size = 0
  }

  /** Gives it its name. */
  keep(): { digest: string; size: number } {
    const digest = `sha256:${this.#hash.digest('hex')}`
    // Fewer bytes than before a restart may have come.
    ftruncateSync(this.#file.fd, this.#size)
    fsyncSync(this.#file.fd)
    this.layout.adoptBlob(this.#path, digest)
    return { digest, size: this.#size }
  }

  /** Closes it; removes it where it got no name. */
  discard(): void {
    if (this.#file.closed) return
    this.#file.close()
    rmSync(pathBytes(this.#path), { force: true })
  }
}
