/**
 * Copying a file's content without copy_file_range: read and written in large pieces. Node cannot ask where the holes
 * are, so in a file that occupies less than its size, blocks of zeros are taken for holes.
 */
import { fstatSync, ftruncateSync, readSync, writeSync } from 'node:fs'

const PIECE = 1 << 20
const BLOCK = 4096
const ZEROS = Buffer.alloc(BLOCK)

/** Fills the empty file `to` with the first `size` bytes of `from`; the bytes written. Throws as fs does. */
export function copyBytes(from: number, to: number, size: number): number {
  const piece = Buffer.allocUnsafe(Math.min(PIECE, Math.max(size, 1)))
  const { blocks } = fstatSync(from)
  const sparse = blocks * 512 < size
  let written = 0
  for (let at = 0; at < size; ) {
    const length = readSync(from, piece, 0, Math.min(piece.length, size - at), at)
    if (length === 0) break
    written += sparse ? writeSparse(to, piece, length, at) : writeAll(to, piece, 0, length, at)
    at += length
  }
  ftruncateSync(to, size)
  return written
}

function writeAll(to: number, piece: Buffer, start: number, end: number, at: number): number {
  for (let done = start; done < end; ) done += writeSync(to, piece, done, end - done, at + done)
  return end - start
}

function writeSparse(to: number, piece: Buffer, length: number, at: number): number {
  let written = 0
  for (let block = 0; block < length; block += BLOCK) {
    const end = Math.min(block + BLOCK, length)
    const isHole = piece.compare(ZEROS, 0, end - block, block, end) === 0
    if (!isHole) written += writeAll(to, piece, block, end, at)
  }
  return written
}
