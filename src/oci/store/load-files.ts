/** The files of an archive of images: small ones in memory, large ones as blobs that get a name when one is needed. */
import { posix } from 'node:path'
import { StratafsError } from '../../base/failure.js'
import { fromText, shown } from '../../base/text.js'
import { LARGEST_DOCUMENT } from '../encoding/json-file.js'
import type { Descriptor, Layout } from '../image/layout.js'
import type { TarEntry, TarSink } from '../tar/entry.js'
import { FreshBlob } from './fresh-blob.js'

/** Most bytes of small files that are remembered, and most large ones, each of which is open. */
const REMEMBERED = 256 * 1024 * 1024
const MOST_LARGE = 2000
/** What one costs beside its bytes. */
const COST = 500
/** Bytes that tell how a layer is compressed. */
const HEAD = 8

interface Kept {
  /** Of a small one. */
  pieces: Buffer[] | null
  readonly blob: FreshBlob | null
  head: Buffer
  /** Once it is a blob of the layout. */
  stored: { digest: string; size: number } | null
}

export class Files implements TarSink {
  readonly #kept = new Map<string, Kept>()
  /** Links, by name: docker and skopeo write a layer that is there twice as one. */
  readonly #links = new Map<string, string>()
  #current: Kept | null = null
  #used = 0
  #large = 0

  constructor(private readonly layout: Layout) {}

  entry({ name, type, size, linkname }: TarEntry): void {
    const plain = posix.normalize(`/${name}`).slice(1)
    this.#current = null
    this.#used += COST + name.length
    if (type === 'symlink') this.#links.set(plain, posix.join('/', posix.dirname(plain), linkname).slice(1))
    if (type === 'link') this.#links.set(plain, posix.normalize(`/${linkname}`).slice(1))
    if (type === 'file') this.#begin(plain, size)
    if (this.#used > REMEMBERED || this.#large > MOST_LARGE)
      throw new StratafsError(`it holds more files than an archive of images has: ${shown(name)} is one too many`)
  }

  #begin(name: string, size: number): void {
    const isSmall = size <= LARGEST_DOCUMENT
    if (isSmall) this.#used += size
    else this.#large++
    this.#kept.get(name)?.blob?.discard()
    const blob = isSmall ? null : new FreshBlob(this.layout)
    this.#current = { pieces: isSmall ? [] : null, blob, head: Buffer.alloc(0), stored: null }
    this.#kept.set(name, this.#current)
  }

  data(bytes: Buffer): void {
    const current = this.#current
    if (current === null) return
    if (current.head.length === 0) current.head = Buffer.from(bytes.subarray(0, HEAD))
    current.pieces?.push(Buffer.from(bytes))
    current.blob?.write(bytes)
  }

  end(): void {}

  has(name: string): boolean {
    return this.#kept.has(name)
  }

  names(): string[] {
    return [...this.#kept.keys()]
  }

  /** The small file `name` (text). Throws StratafsError where there is none. */
  document(name: string): Buffer {
    const { pieces } = this.#find(name)
    if (pieces !== null) return Buffer.concat(pieces)
    throw new StratafsError(`${name} is longer than a document of an image is`, 'DAMAGED')
  }

  /** Makes the file `name` a blob; its type is what `typeOf` says of its first bytes. */
  put(name: string, typeOf: (head: Buffer) => string): Descriptor {
    const kept = this.#find(name)
    const { pieces, blob, head } = kept
    kept.stored ??= blob === null ? this.layout.putBlob('', Buffer.concat(pieces!)) : blob.keep()
    const { digest, size } = kept.stored
    return { mediaType: typeOf(head), digest, size }
  }

  #find(name: string): Kept {
    const plain = posix.normalize(`/${fromText(name)}`).slice(1)
    const found = this.#kept.get(this.#links.get(plain) ?? plain)
    if (found !== undefined) return found
    throw new StratafsError(`${name} is named in it and not there: the archive is not whole`, 'DAMAGED')
  }

  /** Closes all; what got no name goes. */
  discard(): void {
    for (const { blob } of this.#kept.values()) blob?.discard()
  }
}
