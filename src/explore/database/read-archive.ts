/**
 * A layer's archive into the index: every entry with where its data lies, nothing unpacked. The content of files of
 * compressed layers passes anyway, so it is hashed in passing; that of others is read when somebody asks for it.
 */
import { createHash, type Hash } from 'node:crypto'
import { setImmediate as breathe } from 'node:timers/promises'
import { StratafsError } from '../../base/failure.js'
import { meaningOf, targetOf } from '../../oci/apply/names.js'
import { joined } from '../../oci/apply/paths.js'
import { decompress } from '../../oci/encoding/compression.js'
import type { EntryType, TarEntry, TarSink } from '../../oci/tar/entry.js'
import { TarReader } from '../../oci/tar/reader.js'
import { chunksOf, isCompressed } from '../sources/read-part.js'
import { skimTar } from '../sources/skim.js'
import type { BlobPart } from '../sources/types.js'
import type { IndexFile } from './index-file.js'
import { Flag, Type } from './schema.js'
import type { EntryWriter } from './writer.js'

/** Smaller files are not worth a search for others like them. */
export const LEAST_HASHED = 1024
/** Bytes of a digest that are kept: enough that no two contents share them. */
export const HASH_BYTES = 16
/** How long others wait for their turn, in milliseconds. */
const TURN_MS = 25

const TYPES: Readonly<Record<EntryType, number>> = {
  file: Type.FILE,
  link: Type.LINK,
  symlink: Type.SYMLINK,
  char: Type.CHAR,
  block: Type.BLOCK,
  directory: Type.DIRECTORY,
  fifo: Type.FIFO,
}

/** Reads the layer at `part` into the index; `seen` gets how many bytes of it were read. Throws StratafsError. */
export async function readArchive(
  part: BlobPart,
  index: IndexFile,
  writer: EntryWriter,
  seen: (bytes: number) => void,
): Promise<void> {
  if (part.length === 0) return
  // Of what is not compressed the headers are enough, and the rest need not be read.
  if (!isCompressed(part)) return skimTar(part, (reader) => new LayerSink(writer, reader, false), seen)
  const { content } = await decompress(chunksOf(part, seen))
  const reader: TarReader = new TarReader(new LayerSink(writer, () => reader, true))
  let turn = performance.now()
  for await (const piece of content) {
    index.together(() => reader.push(piece))
    if (performance.now() - turn < TURN_MS) continue
    await breathe()
    turn = performance.now()
  }
  reader.finish(true)
}

class LayerSink implements TarSink {
  #hash: Hash | null = null
  #node = -1

  constructor(
    private readonly writer: EntryWriter,
    private readonly reader: () => TarReader,
    private readonly hashing: boolean,
  ) {}

  entry(entry: TarEntry): void {
    this.#node = -1
    const meaning = meaningOf(entry.name)
    if (meaning.kind === 'bookkeeping') return
    if (meaning.kind === 'whiteout') return this.writer.whiteout(joined(meaning.parent, meaning.name))
    if (meaning.kind === 'opaque') return this.writer.opaque(meaning.path)
    const path = meaning.kind === 'root' ? '' : joined(meaning.parent, meaning.name)
    // A device 0:0 is what a whiteout is in a directory.
    if (entry.type === 'char' && entry.major + entry.minor === 0) return this.writer.whiteout(path)
    if (path === '' && entry.type !== 'directory') return
    this.#node = this.#write(path, entry)
    this.#hash = this.hashing && entry.type === 'file' && entry.size >= LEAST_HASHED ? createHash('sha256') : null
  }

  #write(path: string, entry: TarEntry): number {
    const { type, mode, uid, gid, size, mtime, extents } = entry
    const flags = extents === null ? 0 : Flag.SPARSE
    const stored = extents === null ? null : extents.reduce((sum, { length }) => sum + length, 0)
    const place = type === 'file' ? this.reader().position : null
    const [link, xattrs] = [linkOf(entry), xattrText(entry.xattrs)]
    return this.writer.entry({
      path,
      type: TYPES[type],
      ...{ mode, uid, gid, size, stored, mtime, link, xattrs, place, flags },
    })
  }

  data(bytes: Buffer): void {
    this.#hash?.update(bytes)
  }

  end(): void {
    if (this.#hash === null || this.#node < 0) return
    const hash = this.#hash.digest().subarray(0, HASH_BYTES)
    this.#hash = null
    this.writer.hash(this.#node, hash)
  }
}

function linkOf({ type, name, linkname }: TarEntry): string | null {
  if (type === 'symlink') return linkname
  if (type !== 'link') return null
  const { parent, name: target } = targetOf(name, linkname)
  return joined(parent, target)
}

/** Attributes as the index has them. */
export function xattrText(xattrs: ReadonlyMap<string, Uint8Array> | null): string | null {
  if (xattrs === null || xattrs.size === 0) return null
  const told = [...xattrs].map(([name, value]) => [shownName(name), Buffer.from(value).toString('hex')])
  return JSON.stringify(Object.fromEntries(told))
}

function shownName(name: string): string {
  return Buffer.from(name, 'latin1').toString('utf8')
}

/** What is wrong with a layer, with its name before it. */
export function layerFault(label: string, error: unknown): string {
  if (error instanceof StratafsError) return `${label}: ${error.message}`
  return `${label}: ${(error as Error).message}`
}
