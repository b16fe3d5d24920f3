/**
 * How layers are compressed: not at all, gzip (node:zlib) or zstd (node:zlib where it has that, else zstd-napi, which
 * is loaded when the first such layer comes). The first bytes say which; names and media types are not believed.
 * Decompression hands out bounded pieces, however much a few bytes expand to. It refuses what follows the compressed
 * stream: such bytes would be in the blob's digest and in nobody's tree.
 */
import { createRequire } from 'node:module'
import type { Transform } from 'node:stream'
import { createGunzip, createGzip, type ZlibOptions } from 'node:zlib'
import { StratafsError } from '../../base/failure.js'
import { prebuiltFiles, shippedPackage } from '../../base/package-files.js'
import { nodeZstd } from './node-zstd.js'
import { ZstdFrames } from './zstd-frames.js'

export type Compression = 'none' | 'gzip' | 'zstd'

/** Largest piece of decompressed content handed out at once. */
const PIECE = 256 * 1024
/** Decompressed ahead of whoever reads it, beside that one. */
const AHEAD = 16 * PIECE
/** Node hands all of them to the stream beneath, which its types do not say. */
const AHEAD_OPTIONS: ZlibOptions = { chunkSize: PIECE, ...{ readableHighWaterMark: AHEAD } }
/** Bytes that tell every kind apart. */
const HEAD = 6

/** Kinds that are known and not read, with the program that undoes them. */
const FOREIGN: readonly (readonly [magic: string, name: string, program: string])[] = [
  ['fd377a585a00', 'xz', 'xz -dc'],
  ['425a68', 'bzip2', 'bzip2 -dc'],
  ['04224d18', 'lz4', 'lz4 -dc'],
]

/**
 * What the first bytes of a stream say; anything unknown is `none`. Throws StratafsError for kinds that are not read
 * here.
 */
function detectCompression(head: Uint8Array): Compression {
  const hex = Buffer.from(head.subarray(0, HEAD)).toString('hex')
  if (hex.startsWith('1f8b')) return 'gzip'
  if (hex.startsWith('28b52ffd') || /^5.2a4d18/.test(hex)) return 'zstd'
  const foreign = FOREIGN.find(([magic]) => hex.startsWith(magic))
  if (foreign === undefined) return 'none'
  throw new StratafsError(
    `compressed with ${foreign[1]}, which layers are not`,
    'INVALID_ARGUMENT',
    `decompress it first (${foreign[2]} FILE | stratafs apply - DIR)`,
  )
}

/** What the ending of a file's name asks for: `.gz`, `.tgz`, `.zst`. */
export function compressionOfName(path: string): Compression {
  if (/\.t?gz$/.test(path)) return 'gzip'
  return /\.(zst|tzst)$/.test(path) ? 'zstd' : 'none'
}

interface Decompressed {
  readonly compression: Compression
  /** Each piece is valid until the next is asked for. */
  readonly content: AsyncIterable<Buffer>
}

/** Finds out how `chunks` are compressed, and undoes it. A chunk has to stay valid until the next is asked for. */
export async function decompress(chunks: AsyncIterable<Buffer>): Promise<Decompressed> {
  const source = chunks[Symbol.asyncIterator]()
  let head: Buffer = Buffer.alloc(0)
  let ended = false
  while (head.length < HEAD && !ended) {
    const { value, done } = await source.next()
    ended = done === true
    // Copied only where a pipe hands out less than a magic number at a time.
    if (!ended) head = head.length === 0 ? value : Buffer.concat([head, value])
  }
  const compression = detectCompression(head)
  return { compression, content: DECODERS[compression](rejoined(head, source)) }
}

async function* rejoined(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    if (head.length > 0) yield head
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
  } finally {
    await rest.return?.()
  }
}

const DECODERS: Record<Compression, (chunks: AsyncIterable<Buffer>) => AsyncIterable<Buffer>> = {
  none: (chunks) => chunks,
  gzip: gunzipped,
  zstd: unzstded,
}

async function* gunzipped(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip(AHEAD_OPTIONS)
  let given = 0
  let ended = false
  const feed = async () => {
    for await (const chunk of chunks) {
      given += chunk.length
      await written(gunzip, chunk)
    }
    ended = true
  }
  yield* fed('gzip', gunzip, feed, () => {
    // Its output ends at the last member; what follows it was left where it is.
    if (!ended || gunzip.bytesWritten < given)
      throw new StratafsError('bytes that are not gzip follow the end of the compressed stream', 'DAMAGED')
  })
}

/** What comes out of `decoder` while `feed` writes into it; `check` throws where that was not all. */
async function* fed(
  kind: 'gzip' | 'zstd',
  decoder: Transform,
  feed: () => Promise<void>,
  check: () => void,
): AsyncGenerator<Buffer> {
  const feeding = feed()
    .then(() => void decoder.end())
    .catch((error) => void decoder.destroy(error as Error))
  try {
    for await (const piece of decoder) yield piece as Buffer
    check()
    await feeding
  } catch (error) {
    throw told(kind, error)
  } finally {
    decoder.destroy()
  }
}

/** Resolves when `chunk` was taken in whole, so that its memory may be used again. */
function written(stream: Transform, chunk: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(chunk, (error) => (error ? reject(error) : resolve()))
  })
}

/**
 * The part of zstd-napi's binding that is used; its stream would expand a whole chunk into memory before anyone reads.
 */
interface ZstdBinding {
  DCtx: new () => {
    /** A hint that is 0 at the end of a frame, bytes produced, bytes consumed. */
    decompressStream(into: Uint8Array, from: Uint8Array): [number, number, number]
  }
}

function unzstded(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  return nodeZstd === null ? unzstdedByPackage(chunks) : unzstdedByNode(chunks, nodeZstd.createZstdDecompress)
}

/** With a decoder for each frame: Node's stops at the end of the first as often as not. */
async function* unzstdedByNode(
  chunks: AsyncIterable<Buffer>,
  createDecoder: (options: ZlibOptions) => Transform,
): AsyncGenerator<Buffer> {
  const parts = frameParts(chunks)
  try {
    for (let next = await parts.next(); next.done !== true; next = await parts.next()) {
      let part: Buffer | null = next.value
      const decoder = createDecoder(AHEAD_OPTIONS)
      const feed = async () => {
        for (; part !== null; part = (await parts.next()).value ?? null) await written(decoder, part)
      }
      yield* fed('zstd', decoder, feed, () => {})
    }
  } catch (error) {
    throw told('zstd', error)
  } finally {
    await parts.return(undefined)
  }
}

/** The data frames of a stream, null at the end of each. */
async function* frameParts(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer | null> {
  const frames = new ZstdFrames()
  for await (const chunk of chunks) yield* frames.take(chunk)
  if (!frames.isBetween) throw new StratafsError('the zstd stream is cut short', 'DAMAGED')
}

async function* unzstdedByPackage(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const context = new (loadZstd<ZstdBinding>('zstd-napi/binding').DCtx)()
  const piece = Buffer.allocUnsafeSlow(PIECE)
  let hint = 0
  try {
    for await (const chunk of chunks) {
      let rest: Uint8Array = chunk
      let produced = 0
      // A piece that came out full may have more behind it, though the input is used up.
      while (rest.length > 0 || produced === piece.length) {
        let consumed: number
        ;[hint, produced, consumed] = context.decompressStream(piece, rest)
        rest = rest.subarray(consumed)
        if (produced > 0) yield piece.subarray(0, produced)
        if (hint === 0 && rest.length === 0) break
      }
    }
  } catch (error) {
    throw told('zstd', error)
  }
  if (hint !== 0) throw new StratafsError('the zstd stream is cut short', 'DAMAGED')
}

function told(kind: string, error: unknown): unknown {
  if (error instanceof StratafsError) return error
  const { message, code } = error as NodeJS.ErrnoException
  if (code === 'Z_BUF_ERROR' || message === 'unexpected end of file')
    return new StratafsError(`the ${kind} stream is cut short`, 'DAMAGED')
  const own = kind === 'gzip' ? code?.startsWith('Z_') : code === undefined || code.startsWith('ZSTD_')
  return own ? new StratafsError(`the ${kind} stream is damaged: ${message}`, 'DAMAGED') : error
}

/**
 * A stream that compresses. `level` as zlib (0-9, default 6) and zstd (1-22, default 3) have it. The same input gives
 * the same bytes: neither header holds a time or a name.
 */
export function compressor(compression: Exclude<Compression, 'none'>, level?: number): Transform {
  if (compression === 'gzip') return createGzip({ level: level ?? 6, chunkSize: PIECE })
  if (nodeZstd !== null) return nodeZstd.compressor(level ?? 3, PIECE)
  const { CompressStream } = loadZstd<typeof import('zstd-napi')>('zstd-napi')
  return new CompressStream({ compressionLevel: level ?? 3, checksumFlag: true })
}

function loadZstd<T>(name: string): T {
  const require = createRequire(import.meta.url)
  const shipped = shippedPackage('zstd-napi')
  try {
    return require(
      shipped === null || prebuiltFiles('zstd.node').length === 0 ? name : shipped + name.slice('zstd-napi'.length),
    ) as T
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND' ? 'not installed' : 'not usable here'
    throw new StratafsError(
      `zstd needs Node 22.15 or newer, or the package zstd-napi, which is ${reason}`,
      'MISSING_PROGRAM',
      "run `npm install zstd-napi` in the package's folder, or use gzip",
    )
  }
}
