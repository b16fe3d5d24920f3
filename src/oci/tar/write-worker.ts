/**
 * The thread that stores an archive while another makes it: takes the pieces in order, hashes them (diffID), compresses
 * them, hashes what comes out (digest) and writes it.
 */
import { createHash, type Hash } from 'node:crypto'
import { writeSync } from 'node:fs'
import type { Transform } from 'node:stream'
import { parentPort, workerData } from 'node:worker_threads'
import { errorWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { compressor } from '../encoding/compression.js'
import { ABANDON, type ChannelStart, END, FAILED, FREE, PIECES, pieceOf, type Stored } from './write-channel.js'

const start = workerData as ChannelStart
const { state } = start

/** Writes all of `bytes`; a pipe whose reader is slow is waited for. */
function writeAll(bytes: Uint8Array): void {
  let at = 0
  while (at < bytes.length) {
    try {
      at += writeSync(start.fd, bytes, at)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    }
  }
}

class Store {
  readonly #diffID = createHash('sha256')
  readonly #digest: Hash | null
  readonly #packer: Transform | null
  readonly #packed: Promise<void>
  #tarSize = 0
  #size = 0

  constructor() {
    const { compression, level } = start
    this.#packer = compression === 'none' ? null : compressor(compression, level)
    this.#digest = this.#packer === null ? null : createHash('sha256')
    this.#packed = this.#packer === null ? Promise.resolve() : this.#drain(this.#packer)
    this.#packed.catch(() => {})
  }

  async #drain(packer: Transform): Promise<void> {
    for await (const bytes of packer) {
      this.#digest!.update(bytes as Buffer)
      this.#size += (bytes as Buffer).length
      writeAll(bytes as Buffer)
    }
  }

  /** Resolves when the piece may be filled again. */
  take(bytes: Buffer): Promise<void> | void {
    this.#diffID.update(bytes)
    this.#tarSize += bytes.length
    const packer = this.#packer
    if (packer === null) return writeAll(bytes)
    return Promise.race([
      new Promise<void>((resolve, reject) => packer.write(bytes, (error) => (error ? reject(error) : resolve()))),
      // Only when it fails: its end comes after the last piece.
      this.#packed,
    ])
  }

  async finish(): Promise<Stored> {
    this.#packer?.end()
    await this.#packed
    const diffID = `sha256:${this.#diffID.digest('hex')}`
    const digest = this.#digest === null ? diffID : `sha256:${this.#digest.digest('hex')}`
    return { diffID, digest, size: this.#digest === null ? this.#tarSize : this.#size, tarSize: this.#tarSize }
  }
}

async function serve(): Promise<Stored | null> {
  const store = new Store()
  for (let at = 0; ; at = (at + 1) % PIECES) {
    Atomics.wait(state, at, FREE)
    const length = Atomics.load(state, at)
    if (length === ABANDON) return null
    if (length === END) return store.finish()
    const taken = store.take(pieceOf(start.memory, at).subarray(0, length))
    if (taken !== undefined) await taken
    Atomics.store(state, at, FREE)
    Atomics.notify(state, at)
  }
}

/** The maker may be waiting for any piece. */
function fail(error: unknown): void {
  Atomics.store(state, FAILED, 1)
  for (let at = 0; at < PIECES; at++) {
    Atomics.store(state, at, FREE)
    Atomics.notify(state, at)
  }
  const { message } = error as Error
  parentPort!.postMessage({ error: error instanceof StratafsError ? message : errorWords(error) } satisfies Stored)
}

serve().then((stored) => {
  if (stored !== null) parentPort!.postMessage(stored)
}, fail)
