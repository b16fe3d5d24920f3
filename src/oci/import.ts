/**
 * A root filesystem's tar becomes an image of one layer in an OCI layout, which is made where there is none. The archive is
 * read through once: judged entry by entry as if it were unpacked, hashed, and stored, compressed as it came or as asked.
 * Blobs get their names when they are complete and on disk; the tag comes last.
 */
import { createHash, randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, ftruncateSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import type { Transform } from 'node:stream'
import { StratafsError } from '../base/failure.js'
import { pathBytes, shown } from '../base/text.js'
import { meaningOf, targetOf } from './apply-names.js'
import { type Compression, compressor, decompress } from './compression.js'
import { parseObject, readDocument, writeDocument } from './json-file.js'
import { ARCHITECTURES, blobPath, REF_NAME, type Reference, referenceText, sha256 } from './store-layout.js'
import { underLock, type Waiting } from './store-lock.js'
import { entryFault, type TarSink } from './tar-entry.js'
import { TarReader } from './tar-read.js'
import { ArchiveSource, isStandardInput, type Progress } from './unpack-source.js'

export interface ImportRequest extends Waiting {
  /** Latin1; `-` is standard input. */
  readonly archive: string
  readonly reference: Reference & { readonly tag: string }
  /** Null: as it came, gzip where it came without. */
  readonly compression: Compression | null
  readonly comment: string
  readonly author: string | null
  /** `linux/amd64`; null: this machine's. */
  readonly platform: string | null
  readonly created: Date
  readonly progress?: Progress | undefined
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

const TYPES = { none: '', gzip: '+gzip', zstd: '+zstd' } as const
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const CONFIG = 'application/vnd.oci.image.config.v1+json'
const LAYER = 'application/vnd.oci.image.layer.v1.tar'

/** Imports; throws StratafsError with no tag changed and no blob left. */
export async function importImage(request: ImportRequest): Promise<Imported> {
  const { layout } = request.reference
  const platform = platformOf(request.platform)
  makeLayout(layout)
  const source = ArchiveSource.open(request.archive)
  try {
    const layer = await storeLayer(layout, source, request)
    return await underLock(layout, 'alone', request, () => tag(request, platform, layer))
  } catch (error) {
    throw error instanceof StratafsError ? new StratafsError(`${shown(source.name)}: ${error.message}`) : error
  } finally {
    await source.close()
  }
}

function platformOf(text: string | null): { os: string; architecture: string; variant?: string } {
  if (text === null) return { os: 'linux', architecture: ARCHITECTURES[process.arch] ?? process.arch }
  const [os, architecture, variant, ...rest] = text.split('/')
  if (!os || !architecture || rest.length > 0) throw new StratafsError(`--platform ${text}: give it as linux/amd64`)
  return variant ? { os, architecture, variant } : { os, architecture }
}

function makeLayout(layout: string): void {
  try {
    mkdirSync(pathBytes(`${layout}/blobs/sha256`), { recursive: true })
  } catch (error) {
    throw new StratafsError(`${shown(layout)} cannot become an image layout: ${(error as NodeJS.ErrnoException).code}`)
  }
  if (readDocument(`${layout}/oci-layout`) === null)
    writeDocument(`${layout}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}')
  if (readDocument(`${layout}/index.json`) === null) {
    writeDocument(`${layout}/index.json`, '{"schemaVersion":2,"manifests":[]}')
  }
}

interface LayerBlob {
  readonly digest: string
  readonly diffID: string
  readonly size: number
  readonly compression: Compression
  readonly entries: number
}

async function storeLayer(layout: string, source: ArchiveSource, request: ImportRequest): Promise<LayerBlob> {
  const blob = new FreshBlob(layout)
  try {
    const reader = new TarReader(new RootfsJudge())
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
    await sink?.end()
    const diffID = `sha256:${content.digest('hex')}`
    return { ...blob.keep(), diffID, compression, entries: reader.count }
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
  entry(entry: Parameters<TarSink['entry']>[0]): void {
    const { kind } = meaningOf(entry.name)
    if (kind === 'whiteout' || kind === 'opaque')
      throw entryFault(entry.name, 'a whiteout, which a root filesystem does not hold')
    if (entry.type === 'link') targetOf(entry.name, entry.linkname)
  }
  data(): void {}
  end(): void {}
}

/** A blob that has no name yet. */
class FreshBlob {
  readonly #path: string
  readonly #fd: number
  #hash = createHash('sha256')
  #size = 0
  #open = true

  constructor(private readonly layout: string) {
    this.#path = `${layout}/blobs/sha256/.new-${randomBytes(6).toString('hex')}`
    this.#fd = openSync(pathBytes(this.#path), 'wx', 0o644)
  }

  write(chunk: Buffer): void {
    try {
      for (let at = 0; at < chunk.length; ) at += writeSync(this.#fd, chunk, at, chunk.length - at, this.#size + at)
    } catch (error) {
      throw new StratafsError(`the blob cannot be written: ${(error as NodeJS.ErrnoException).code}`)
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
    ftruncateSync(this.#fd, this.#size)
    fsyncSync(this.#fd)
    renameSync(pathBytes(this.#path), pathBytes(blobPath(this.layout, digest)))
    return { digest, size: this.#size }
  }

  /** Closes it; removes it where it got no name. */
  discard(): void {
    if (!this.#open) return
    this.#open = false
    closeSync(this.#fd)
    rmSync(pathBytes(this.#path), { force: true })
  }
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

function tag(request: ImportRequest, platform: ReturnType<typeof platformOf>, layer: LayerBlob): Imported {
  const { layout } = request.reference
  const created = request.created.toISOString()
  const name = shown(
    isStandardInput(request.archive) ? 'standard input' : request.archive.slice(request.archive.lastIndexOf('/') + 1),
  )
  const author = request.author === null ? {} : { author: request.author }
  const comment = request.comment === '' ? {} : { comment: request.comment }
  const config = storeJson(layout, {
    created,
    ...author,
    ...platform,
    config: {},
    rootfs: { type: 'layers', diff_ids: [layer.diffID] },
    history: [{ created, created_by: `stratafs image import ${name}`, ...author, ...comment }],
  })
  const manifest = storeJson(layout, {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: CONFIG, ...config },
    layers: [{ mediaType: LAYER + TYPES[layer.compression], digest: layer.digest, size: layer.size }],
  })
  giveTag(request.reference, { mediaType: MANIFEST, ...manifest, platform })
  const { digest, diffID, size, entries } = layer
  return { reference: referenceText(request.reference), manifest: manifest.digest, digest, diffID, size, entries }
}

function storeJson(layout: string, value: unknown): { digest: string; size: number } {
  const text = JSON.stringify(value)
  const bytes = Buffer.from(text)
  const digest = sha256(bytes)
  writeDocument(blobPath(layout, digest), text)
  return { digest, size: bytes.length }
}

/** An entry that had the tag goes from the index; its blobs stay until something removes what nobody names. */
function giveTag({ layout, tag: name }: ImportRequest['reference'], descriptor: Record<string, unknown>): void {
  const index = parseObject(readDocument(`${layout}/index.json`) ?? Buffer.from('{}'), `${shown(layout)}/index.json`)
  const annotations = { [REF_NAME]: shown(name) }
  const others = ((index.manifests ?? []) as { annotations?: Record<string, string> }[]).filter(
    (each) => each.annotations?.[REF_NAME] !== shown(name),
  )
  const manifests = [...others, { ...descriptor, annotations }]
  writeDocument(`${layout}/index.json`, JSON.stringify({ schemaVersion: 2, ...index, manifests }))
}
