/**
 * A root filesystem's tar becomes an image of one layer in an OCI layout, which is made where there is none. The
 * archive is read through once: judged entry by entry as if it were unpacked, hashed, and stored, compressed as it came
 * or as asked. Blobs get their names when they are complete and on disk; the tag comes last.
 */

import { createHash } from 'node:crypto'
import type { Transform } from 'node:stream'
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import { ArchiveKind } from '../apply/archive-kind.js'
import { meaningOf, targetOf } from '../apply/names.js'
import { ArchiveSource, isStandardInput, type Progress } from '../apply/source.js'
import { type Compression, compressor, decompress } from '../encoding/compression.js'
import { changed } from '../image/config-change.js'
import { type ImageConfig, type Layout, layerType, type Platform } from '../image/layout.js'
import { ownPlatform, parsePlatform } from '../image/platform.js'
import { keepSizes } from '../image/sizes.js'
import { entryFault, type TarSink } from '../tar/entry.js'
import { TarReader } from '../tar/reader.js'
import { FreshBlob } from './fresh-blob.js'
import { type Reference, referenceText } from './images.js'
import { holdingNew } from './new-layout.js'

interface ImportRequest {
  /** Latin1; `-` is standard input. */
  readonly archive: string
  readonly reference: Reference & { readonly tag: string }
  /** Null: as it came, gzip where it came without. */
  readonly compression: Compression | null
  readonly comment: string
  readonly author: string | null
  /** `linux/amd64`; null: this machine's. */
  readonly platform: string | null
  /** What a container of it runs (config-change.ts). */
  readonly changes: readonly string[]
  readonly created: Date
  readonly progress?: Progress | undefined
  readonly signal?: AbortSignal | undefined
  /** Called once when another program keeps the layout for long. */
  readonly waits?: ((words: string) => void) | undefined
}

export interface Imported {
  readonly reference: string
  readonly manifest: string
  readonly digest: string
  readonly diffID: string
  /** Of the blob. */
  readonly size: number
  readonly entries: number
}

/** Imports; throws StratafsError with no tag changed, no blob left and no layout made. */
export async function importImage(request: ImportRequest): Promise<Imported> {
  const platform = request.platform === null ? ownPlatform() : parsePlatform(request.platform)
  const { config: run } = changed({ ...platform, rootfs: { type: 'layers', diff_ids: [] } }, request.changes)
  const { waits, signal } = request
  const store = (layout: Layout) => storeImage(layout, platform, run, request)
  return holdingNew(request.reference.layout, { waits, signal }, store)
}

async function storeImage(
  layout: Layout,
  platform: Platform,
  run: ImageConfig['config'],
  request: ImportRequest,
): Promise<Imported> {
  const source = ArchiveSource.open(request.archive)
  try {
    const layer = await storeLayer(layout, source, request)
    const { digest, diffID, size, entries, compression, bytes } = layer
    const layers = [{ mediaType: layerType(compression), digest, size }]
    const config = { ...describe(request, platform, layer), config: run ?? {} }
    const { digest: manifest } = layout.putImage(request.reference.tag, { schemaVersion: 2, layers }, config)
    keepSizes(layout.directory, new Map([[digest, bytes]]), (each) => layout.hasBlob(each))
    return { reference: referenceText(request.reference), manifest, digest, diffID, size, entries }
  } catch (error) {
    throw error instanceof StratafsError ? error.of(shown(source.name)) : error
  } finally {
    await source.close()
  }
}

interface LayerBlob {
  readonly digest: string
  readonly diffID: string
  readonly size: number
  readonly compression: Compression
  readonly entries: number
  /** Of all its files. */
  readonly bytes: number
}

async function storeLayer(layout: Layout, source: ArchiveSource, request: ImportRequest): Promise<LayerBlob> {
  const blob = new FreshBlob(layout)
  try {
    const judge = new RootfsJudge()
    const kind = new ArchiveKind()
    const reader = new TarReader(kind.watching(judge))
    const content = createHash('sha256')
    // What is kept as it came is stored on its way in; what is compressed here, on its way out of the reader.
    let raw: ((chunk: Buffer) => void) | null = request.compression === null ? (chunk) => blob.write(chunk) : null
    const chunks = tapped(source.chunks(request.progress, request.signal), (chunk) => raw?.(chunk))
    const { compression: found, content: pieces } = await decompress(chunks)
    const compression = request.compression ?? (found === 'none' ? 'gzip' : found)
    if (compression !== found && raw !== null) {
      raw = null
      blob.restart()
    }
    const sink = request.compression === null && raw !== null ? null : new Packer(compression, blob)
    for await (const piece of pieces) {
      content.update(piece)
      reader.push(piece)
      await sink?.take(piece)
    }
    reader.finish(false)
    kind.refuseImages()
    await sink?.end()
    const diffID = `sha256:${content.digest('hex')}`
    return { ...blob.keep(), diffID, compression, entries: reader.count, bytes: judge.bytes }
  } finally {
    blob.discard()
  }
}

async function* tapped(chunks: AsyncIterable<Buffer>, see: (chunk: Buffer) => void): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    see(chunk)
    yield chunk
  }
}

/** A root filesystem holds what a layer may, and nothing that hides. */
class RootfsJudge implements TarSink {
  /** Of all files so far. */
  bytes = 0

  entry(entry: Parameters<TarSink['entry']>[0]): void {
    const { kind } = meaningOf(entry.name)
    if (kind === 'whiteout' || kind === 'opaque')
      throw entryFault(entry.name, 'a whiteout, which a root filesystem does not hold')
    if (entry.type === 'link') targetOf(entry.name, entry.linkname)
  }
  data({ length }: Buffer): void {
    this.bytes += length
  }
  end(): void {}
}

/** Compresses pieces into a blob, one after the other. */
class Packer {
  readonly #stream: Transform | null
  readonly #done: Promise<void>

  constructor(
    compression: Compression,
    private readonly blob: FreshBlob,
  ) {
    this.#stream = compression === 'none' ? null : compressor(compression)
    this.#done = this.#drain()
    this.#done.catch(() => {})
  }

  async #drain(): Promise<void> {
    if (this.#stream !== null) for await (const packed of this.#stream) this.blob.write(packed as Buffer)
  }

  /** `piece` may be used again when it resolves. */
  take(piece: Buffer): Promise<void> {
    const stream = this.#stream
    if (stream === null) return Promise.resolve(this.blob.write(piece))
    return new Promise((resolve, reject) => stream.write(piece, (error) => (error ? reject(error) : resolve())))
  }

  async end(): Promise<void> {
    this.#stream?.end()
    await this.#done
  }
}

function describe(request: ImportRequest, platform: Platform, layer: LayerBlob): ImageConfig {
  const created = request.created.toISOString()
  const name = isStandardInput(request.archive)
    ? 'standard input'
    : request.archive.slice(request.archive.lastIndexOf('/') + 1)
  const author = request.author === null ? {} : { author: request.author }
  const comment = request.comment === '' ? {} : { comment: request.comment }
  return {
    created,
    ...author,
    ...platform,
    rootfs: { type: 'layers', diff_ids: [layer.diffID] },
    history: [{ created, created_by: `stratafs image import ${shown(name)}`, ...author, ...comment }],
  }
}
