/**
 * The bytes of an archive, from a file or a pipe: read ahead by one chunk, hashed as they pass, counted for whoever
 * shows progress, and given up at once when told to. The digest of the blob is that of these bytes; the diffID that of
 * what they decompress to.
 */

import { createHash, type Hash } from 'node:crypto'
import { fstatSync, read } from 'node:fs'
import { Socket } from 'node:net'
import { isatty } from 'node:tty'
import { promisify } from 'node:util'
import { errorWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import { OwnedFd } from '../../syscalls/owned-fd.js'
import { openRegular } from '../encoding/regular-file.js'

const CHUNK = 1024 * 1024
/** containers/storage, pkg/chunked/internal: the last bytes of the footer. */
const CHUNKED_MAGIC = Buffer.from('GnUlInUx', 'latin1')
const readInto = promisify(read)

/** Called with the bytes read so far and how many there are; null where nobody knows. */
export type Progress = (read: number, total: number | null) => void

export class ArchiveSource {
  readonly #hash: Hash = createHash('sha256')
  #read = 0
  #tail: Buffer = Buffer.alloc(0)
  #reading: Promise<number> = Promise.resolve(0)
  #socket: Socket | null = null

  private constructor(
    /** For messages; latin1. */
    readonly name: string,
    private readonly fd: number,
    /** Null: standard input, which is everybody's. */
    private readonly owned: OwnedFd | null,
    /** Null for a pipe. */
    readonly size: number | null,
  ) {}

  /** Opens `path` (latin1); `-` and /dev/stdin are standard input. Throws StratafsError. */
  static open(path: string): ArchiveSource {
    if (isStandardInput(path)) {
      if (isatty(0))
        throw new StratafsError('standard input is a terminal', 'INVALID_ARGUMENT', 'pipe an archive into it')
      return new ArchiveSource('standard input', 0, null, sizeOf(0))
    }
    const fd = openRegular(path, 'an archive (what comes from a pipe: -, standard input)')
    if (typeof fd === 'number') return new ArchiveSource(path, fd, new OwnedFd(fd), sizeOf(fd))
    if (fd.code !== 'ENOENT') throw new StratafsError(`${shown(path)} ${fd.words}`)
    throw new StratafsError(`${shown(path)} does not exist`, 'NOT_FOUND', 'name an archive, or - for standard input')
  }

  /** Bytes read so far. */
  get read(): number {
    return this.#read
  }

  /** `sha256:…` of everything read; once, after the end. */
  digest(): string {
    return `sha256:${this.#hash.digest('hex')}`
  }

  /** It ends as zstd:chunked does, in the footer of a table of contents. After the end. */
  get isChunked(): boolean {
    return this.#tail.equals(CHUNKED_MAGIC)
  }

  #see(chunk: Buffer): void {
    const length = CHUNKED_MAGIC.length
    const last = chunk.length >= length ? chunk : Buffer.concat([this.#tail, chunk])
    this.#tail = Buffer.from(last.subarray(Math.max(0, last.length - length)))
  }

  /** The bytes; each chunk is valid until the next is asked for. */
  async *chunks(progress?: Progress, signal?: AbortSignal): AsyncGenerator<Buffer> {
    for await (const chunk of this.size === null ? this.#fromPipe(signal) : this.#fromFile()) {
      signal?.throwIfAborted()
      this.#hash.update(chunk)
      this.#read += chunk.length
      if (this.owned !== null && this.size !== null && this.#read > this.size)
        throw new StratafsError(
          `it is ${this.size} bytes long and gives more: it is being written, or is no plain file`,
        )
      this.#see(chunk)
      progress?.(this.#read, this.size)
      yield chunk
    }
  }

  async *#fromFile(): AsyncGenerator<Buffer> {
    let current = Buffer.allocUnsafeSlow(CHUNK)
    let next = Buffer.allocUnsafeSlow(CHUNK)
    this.#reading = this.#fill(current)
    for (;;) {
      const length = await this.#reading
      if (length === 0) return
      this.#reading = this.#fill(next)
      yield current.subarray(0, length)
      ;[current, next] = [next, current]
    }
  }

  async #fill(buffer: Buffer): Promise<number> {
    try {
      return (await readInto(this.fd, buffer, 0, buffer.length, null)).bytesRead
    } catch (error) {
      throw this.#unreadable(error)
    }
  }

  /** Polled, not read by a thread: one that waits for a writer who never comes could not be ended. */
  async *#fromPipe(signal?: AbortSignal): AsyncGenerator<Buffer> {
    this.#socket = new Socket({
      fd: this.fd,
      readable: true,
      writable: false,
      ...(signal === undefined ? {} : { signal }),
    })
    try {
      for await (const chunk of this.#socket) yield chunk as Buffer
    } catch (error) {
      signal?.throwIfAborted()
      throw this.#unreadable(error)
    }
  }

  #unreadable(error: unknown): StratafsError {
    return new StratafsError(`${shown(this.name)} cannot be read: ${errorWords(error)}`)
  }

  /** Closes what was opened, once no read is under way any more. */
  async close(): Promise<void> {
    if (this.#socket !== null) {
      this.#socket.destroy()
      return
    }
    await this.#reading.catch(() => 0)
    this.owned?.close()
  }
}

/** Whether an archive's name means the pipe. */
export function isStandardInput(path: string): boolean {
  return path === '-' || path === '/dev/stdin'
}

function sizeOf(fd: number): number | null {
  const stat = fstatSync(fd)
  return stat.isFile() ? stat.size : null
}
