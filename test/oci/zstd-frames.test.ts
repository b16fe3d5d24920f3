/**
 * Frames of a zstd stream, found in pieces of any size: what belongs to data frames is passed on as it is, skippable
 * frames are not, and what is no frame, or cut short, is seen.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { describe, it } from 'node:test'
import { decompress } from '../../src/oci/encoding/compression.js'
import { ZstdFrames } from '../../src/oci/encoding/zstd-frames.js'

const { Compressor } = createRequire(import.meta.url)('zstd-napi') as typeof import('zstd-napi')

function packed(content: Buffer, parameters: import('zstd-napi').CompressParameters = {}): Buffer {
  const compressor = new Compressor()
  compressor.setParameters(parameters)
  return compressor.compress(content)
}

const frames = [
  packed(randomBytes(300_000)),
  packed(Buffer.alloc(3_000_000), { compressionLevel: 19 }),
  packed(Buffer.from('a little'), { checksumFlag: true }),
  packed(Buffer.alloc(0), { checksumFlag: true }),
  packed(Buffer.from('abc'.repeat(100_000)), { contentSizeFlag: false }),
]
const contentBytes = 300_000 + 3_000_000 + 8 + 300_000
const skippable = Buffer.from('502a4d180400000061626364', 'hex')
const emptySkippable = Buffer.from('5f2a4d1800000000', 'hex')
const stream = Buffer.concat([skippable, ...frames.flatMap((frame) => [frame, emptySkippable, skippable])])

function* pieces(bytes: Buffer, length: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

for (const length of [1, 7, 4096, stream.length])
  describe(`a zstd stream in pieces of ${length} bytes`, () => {
    it('its data frames come out as they are', () => {
      const found = new ZstdFrames()
      const parts = [...pieces(stream, length)].flatMap((piece) => found.take(piece))
      assert.equal(parts.filter((part) => part === null).length, frames.length)
      assert.ok(Buffer.concat(parts.filter((part) => part !== null)).equals(Buffer.concat(frames)))
      assert.ok(found.isBetween)
    })

    it('where it is cut, it is not between frames', () => {
      const found = new ZstdFrames()
      for (const piece of pieces(stream.subarray(0, stream.length - 1), length)) found.take(piece)
      assert.ok(!found.isBetween)
    })

    it('what is no frame is refused', () => {
      const found = new ZstdFrames()
      const bytes = Buffer.concat([frames[2] as Buffer, Buffer.from('rubbish')])
      assert.throws(() => [...pieces(bytes, length)].map((piece) => found.take(piece)), /Unknown frame descriptor/)
    })

    it('it is decompressed in whole by this Node', async () => {
      if (length < 7) return
      const source = (async function* () {
        yield* pieces(stream, length)
      })()
      let bytes = 0
      for await (const piece of (await decompress(source)).content) bytes += piece.length
      assert.equal(bytes, contentBytes)
    })
  })
