/**
 * Writes an archive to a descriptor: headers and file contents go into pieces of shared memory, contents straight from
 * the file by pread, and another thread hashes, compresses and stores them. So an archive costs about what reading its
 * files costs. One that fits into a piece is stored without that thread, whose start takes longer than the rest.
 */

import { Worker } from 'node:worker_threads'
import { errnoWords, errorWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { native } from '../../syscalls/native.js'
import type { Compression } from '../encoding/compression.js'
import { ArchiveStore } from './archive-store.js'
import {
  ABANDON,
  type ChannelStart,
  END,
  FAILED,
  FREE,
  newChannel,
  PIECE_BYTES,
  PIECES,
  pieceOf,
  type Stored,
  type StoredArchive,
} from './write-channel.js'
import { BLOCK, type EntryHeader, encodeHeader, padded } from './write-header.js'

export type { StoredArchive }

/** Node has it, TypeScript's library of this age does not know it. */
type WaitAsync = (state: Int32Array, at: number, value: number) => { async: boolean; value: Promise<string> | string }
const { waitAsync } = Atomics as unknown as { waitAsync: WaitAsync }

export class TarWriter {
  #worker: Worker | null = null
  #ended: Promise<Stored> = new Promise(() => {})
  readonly #start: ChannelStart
  readonly #state: Int32Array
  readonly #pieces: Buffer[]
  #at = 0
  #used = 0
  #over = false

  /** `fd` stays the caller's, who syncs and closes it. `level` as the compressor has it. */
  constructor(fd: number, compression: Compression, level?: number) {
    const { memory, state } = newChannel()
    this.#state = state
    this.#pieces = Array.from({ length: PIECES }, (_none, at) => pieceOf(memory, at))
    this.#start = { memory, state, fd, compression, level }
  }

  #begin(): Worker {
    const worker = new Worker(new URL('./write-worker.cjs', import.meta.url), {
      workerData: this.#start,
      name: 'store',
    })
    this.#ended = new Promise((resolve) => {
      worker.on('message', resolve)
      worker.on('error', (error) => this.#broken(error, resolve))
      worker.on('exit', () => resolve({ error: 'the storing thread ended' }))
    })
    return worker
  }

  #broken(error: Error, resolve: (stored: Stored) => void): void {
    Atomics.store(this.#state, FAILED, 1)
    for (let at = 0; at < PIECES; at++) Atomics.notify(this.#state, at)
    resolve({ error: error.message })
  }

  /**
   * One entry without content, or the beginning of one: then `content` has to follow. Nothing is to be waited for where
   * it fits into the piece at hand, as nearly always.
   */
  header(entry: EntryHeader): Promise<void> | void {
    const bytes = encodeHeader(entry)
    if (this.#used + bytes.length >= PIECE_BYTES) return this.#split(bytes)
    this.#pieces[this.#at]!.set(bytes, this.#used)
    this.#used += bytes.length
  }

  async #split(bytes: Buffer): Promise<void> {
    for (let from = 0; from < bytes.length; ) {
      const taken = bytes.copy(this.#pieces[this.#at]!, this.#used, from)
      from += taken
      this.#used += taken
      if (this.#used === PIECE_BYTES) await this.#next()
    }
  }

  /**
   * `size` bytes of the open file `fd`, and what fills the last block. Returns how many there were: a file that has
   * become shorter is filled up with zeros, for its header is written already. Throws StratafsError, or rejects with
   * it.
   */
  content(fd: number, size: number): Promise<number> | number {
    const whole = padded(size)
    if (this.#used + whole >= PIECE_BYTES) return this.#contentInPieces(fd, size)
    const piece = this.#pieces[this.#at]!
    let offset = 0
    while (offset < size) {
      const got = native.pread(fd, piece, this.#used + offset, size - offset, offset)
      if (got < 0) throw new StratafsError(`cannot be read: ${errnoWords(got)}`)
      if (got === 0) break
      offset += got
    }
    piece.fill(0, this.#used + offset, this.#used + whole)
    this.#used += whole
    return offset
  }

  async #contentInPieces(fd: number, size: number): Promise<number> {
    let offset = 0
    while (offset < size) {
      const room = Math.min(PIECE_BYTES - this.#used, size - offset)
      const got = native.pread(fd, this.#pieces[this.#at]!, this.#used, room, offset)
      if (got < 0) throw new StratafsError(`cannot be read: ${errnoWords(got)}`)
      if (got === 0) break
      offset += got
      this.#used += got
      if (this.#used === PIECE_BYTES) await this.#next()
    }
    await this.#zeros(size - offset + ((BLOCK - (size % BLOCK)) % BLOCK))
    return offset
  }

  async #zeros(count: number): Promise<void> {
    for (let left = count; left > 0; ) {
      const part = Math.min(left, PIECE_BYTES - this.#used)
      this.#pieces[this.#at]!.fill(0, this.#used, this.#used + part)
      this.#used += part
      left -= part
      if (this.#used === PIECE_BYTES) await this.#next()
    }
  }

  /** Hands the piece over and waits for the next one to be free. */
  async #next(): Promise<void> {
    this.#worker ??= this.#begin()
    this.#submit(this.#used)
    for (;;) {
      const state = Atomics.load(this.#state, this.#at)
      if (Atomics.load(this.#state, FAILED) === 1) await this.#fail()
      if (state === FREE) return
      const waiting = waitAsync(this.#state, this.#at, state)
      if (waiting.async) await waiting.value
    }
  }

  async #fail(): Promise<never> {
    const stored = await this.#ended
    this.#over = true
    const reason = 'error' in stored ? stored.error : 'the storing thread ended early'
    throw new StratafsError(`the archive cannot be written: ${reason}`)
  }

  #submit(mark: number): void {
    Atomics.store(this.#state, this.#at, mark)
    Atomics.notify(this.#state, this.#at)
    this.#at = (this.#at + 1) % PIECES
    this.#used = 0
  }

  /** Two blocks of zeros, and the end. Resolves when all of it has been written. Throws StratafsError. */
  async finish(): Promise<StoredArchive> {
    await this.#zeros(2 * BLOCK)
    if (this.#worker === null) return this.#storeHere()
    if (this.#used > 0) await this.#next()
    this.#submit(END)
    const stored = await this.#ended
    this.#over = true
    if ('error' in stored) throw new StratafsError(`the archive cannot be written: ${stored.error}`)
    return stored
  }

  async #storeHere(): Promise<StoredArchive> {
    this.#over = true
    try {
      const store = new ArchiveStore(this.#start)
      await store.take(this.#pieces[0]!.subarray(0, this.#used))
      return await store.finish()
    } catch (error) {
      const words = error instanceof StratafsError ? error.message : errorWords(error)
      throw new StratafsError(`the archive cannot be written: ${words}`)
    }
  }

  /** After a failure: ends the other thread. What it has written is of no use. */
  async abandon(): Promise<void> {
    if (this.#over || this.#worker === null) return
    Atomics.store(this.#state, this.#at, ABANDON)
    Atomics.notify(this.#state, this.#at)
    await this.#worker.terminate()
  }
}
