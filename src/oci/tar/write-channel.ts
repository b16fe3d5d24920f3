/**
 * How the thread that makes an archive and the one that stores it share memory: a few pieces that go round. The maker
 * fills a piece and marks it with its length; the other stores it and marks it free. Nothing is copied between them,
 * and neither waits while the other has something to do.
 *
 * `state`: one number for each piece, bytes in it (FREE, or the mark END instead), then one for whether the storing
 * thread has failed.
 */
import type { Compression } from '../encoding/compression.js'

export const PIECES = 6
export const PIECE_BYTES = 512 * 1024
export const FREE = 0
export const END = -1
export const ABANDON = -2
/** Slot of `state`: 1 once storing has failed. */
export const FAILED = PIECES

/** What the storing thread is started with. */
export interface ChannelStart {
  readonly memory: SharedArrayBuffer
  readonly state: Int32Array
  /** Where to: open for writing. It stays the starter's. */
  readonly fd: number
  readonly compression: Compression
  readonly level: number | undefined
}

/** What it tells at its end. */
export type Stored = StoredArchive | { readonly error: string }

/** Sizes in bytes. */
export interface StoredArchive {
  readonly digest: string
  readonly diffID: string
  readonly size: number
  readonly tarSize: number
}

/** The memory of a new channel. */
export function newChannel(): Pick<ChannelStart, 'memory' | 'state'> {
  return {
    memory: new SharedArrayBuffer(PIECES * PIECE_BYTES),
    state: new Int32Array(new SharedArrayBuffer((PIECES + 1) * Int32Array.BYTES_PER_ELEMENT)),
  }
}

/** Piece `at` of the memory. */
export function pieceOf(memory: SharedArrayBuffer, at: number): Buffer {
  return Buffer.from(memory, at * PIECE_BYTES, PIECE_BYTES)
}
