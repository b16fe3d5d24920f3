/**
 * The bytes of a blob, from a file of its own or from the middle of an archive. Nothing is copied anywhere: a layer is
 * read where it lies.
 */
import { closeSync, fstatSync, read, readSync } from 'node:fs'
import { promisify } from 'node:util'
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import { LARGEST_DOCUMENT } from '../../oci/encoding/json-file.js'
import { openRegular } from '../../oci/encoding/regular-file.js'
import type { BlobPart } from './types.js'

const CHUNK = 256 * 1024
const readInto = promisify(read)

/** A descriptor of the file, which the caller closes. Throws StratafsError. */
export function openPart({ file }: BlobPart): number {
  const fd = openRegular(file, 'an archive or a blob')
  if (typeof fd === 'number') return fd
  const words = fd.code === 'ENOENT' ? 'does not exist: name an archive, an image or a mount' : fd.words
  throw new StratafsError(`${shown(file)} ${words}`, fd.code === 'ENOENT' ? 'NOT_FOUND' : 'FAILED')
}

/** The whole of `file`. Throws StratafsError. */
export function wholeFile(file: string): BlobPart {
  const fd = openPart({ file, offset: 0, length: 0 })
  try {
    return { file, offset: 0, length: fstatSync(fd).size }
  } finally {
    closeSync(fd)
  }
}

/** The bytes in order; each chunk is valid until the next is asked for. `seen` gets how many were read. */
export async function* chunksOf(part: BlobPart, seen?: (bytes: number) => void): AsyncGenerator<Buffer> {
  const fd = openPart(part)
  let reading: Promise<number> = Promise.resolve(0)
  try {
    let current = Buffer.allocUnsafeSlow(Math.min(CHUNK, part.length))
    let next = Buffer.allocUnsafeSlow(Math.min(CHUNK, Math.max(0, part.length - CHUNK)))
    let done = 0
    const fill = (buffer: Buffer) => {
      const wanted = Math.min(buffer.length, part.length - done)
      reading = wanted <= 0 ? Promise.resolve(0) : got(fd, buffer, wanted, part.offset + done)
      return reading
    }
    for (let length = await fill(current); length > 0; length = await reading) {
      done += length
      fill(next).catch(() => {})
      seen?.(done)
      yield current.subarray(0, length)
      ;[current, next] = [next, current]
    }
  } finally {
    await reading.catch(() => 0)
    closeSync(fd)
  }
}

async function got(fd: number, buffer: Buffer, length: number, at: number): Promise<number> {
  return (await readInto(fd, buffer, 0, length, at)).bytesRead
}

/** The first bytes of gzip, zstd, and of what is known by name only: xz, bzip2, lz4. */
const MAGIC = ['1f8b', '28b52ffd', 'fd377a585a00', '425a68', '04224d18']

/** Whether the blob is compressed in some way, by its first bytes. Throws StratafsError. */
export function isCompressed(part: BlobPart): boolean {
  const head = readSmall({ ...part, length: Math.min(6, part.length) }, 'a blob').toString('hex')
  return MAGIC.some((magic) => head.startsWith(magic)) || /^5.2a4d18/.test(head)
}

/** All of a small blob: a document. Throws StratafsError that names `what`. */
export function readSmall(part: BlobPart, what: string): Buffer {
  if (part.bytes !== undefined) return part.bytes
  if (part.length > LARGEST_DOCUMENT)
    throw new StratafsError(`${what} is ${part.length} bytes long, too long for a document`, 'DAMAGED')
  const fd = openPart(part)
  try {
    const bytes = Buffer.alloc(part.length)
    let length = 0
    for (let more = 1; more > 0 && length < part.length; length += more)
      more = readSync(fd, bytes, length, part.length - length, part.offset + length)
    return bytes.subarray(0, length)
  } finally {
    closeSync(fd)
  }
}
