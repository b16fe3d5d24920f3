/**
 * Archives that hold images: what `docker save`, skopeo and podman write (docker-archive: manifest.json; oci-archive:
 * a layout), and the tar of one layer. The archive is skimmed once for what lies where; blobs are then read out of its
 * middle. One that is compressed, or comes through a pipe, is laid in a file without a name first.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, constants, createWriteStream, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { StratafsError } from '../../base/failure.js'
import { fromText, shown } from '../../base/text.js'
import { ArchiveSource, isStandardInput } from '../../oci/apply/source.js'
import { decompress } from '../../oci/encoding/compression.js'
import { digestOf, hexOf } from '../../oci/encoding/digest.js'
import { asConfig, asIndex, parsed } from '../../oci/image/documents.js'
import { type Descriptor, MediaType } from '../../oci/image/types.js'
import { imageSource } from './image.js'
import { namedIn } from './layout.js'
import { isCompressed, readSmall, wholeFile } from './read-part.js'
import { skimTar } from './skim.js'
import type { BlobPart, BlobPlace, NamedImage, Source } from './types.js'

/** Members that are remembered: of an archive with more, what is left are a layer's files. */
const MOST_MEMBERS = 20_000

type Members = ReadonlyMap<string, BlobPart>

interface Opened {
  readonly part: BlobPart
  readonly close: () => void
}

/** The archive `file` (absolute, latin1; `-` is standard input), of several images the one `tag`. */
export async function archiveSource(file: string, tag: string | null): Promise<Source> {
  const opened = await openArchive(file)
  const where = isStandardInput(file) ? 'standard input' : shown(file)
  try {
    const members = await membersOf(opened.part)
    if (members.has('index.json')) return imageSource(ociPlace(where, members, opened.close), tag)
    if (members.has('manifest.json')) return imageSource(dockerPlace(where, members, opened.close), tag)
    return oneLayer(where, opened)
  } catch (error) {
    opened.close()
    throw error
  }
}

/** The archive as it lies, where it is not compressed; else laid in a file that has lost its name already. */
async function openArchive(file: string): Promise<Opened> {
  if (!isStandardInput(file)) {
    const part = wholeFile(file)
    if (!isCompressed(part)) return { part, close: () => {} }
  }
  const source = ArchiveSource.open(file)
  try {
    const { content } = await decompress(source.chunks())
    return await laidDown(content)
  } finally {
    await source.close()
  }
}

async function laidDown(content: AsyncIterable<Buffer>): Promise<Opened> {
  const path = join(tmpdir(), `stratafs-archive-${process.pid}-${randomBytes(6).toString('hex')}`)
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600)
  rmSync(path)
  try {
    await pipeline(Readable.from(copies(content)), createWriteStream('', { fd, autoClose: false }))
  } catch (error) {
    closeSync(fd)
    throw error
  }
  return { part: wholeFile(`/proc/self/fd/${fd}`), close: () => closeSync(fd) }
}

/** Each piece is valid only until the next is asked for, and a stream keeps several. */
async function* copies(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const piece of content) yield Buffer.from(piece)
}

/** Where each member lies; links of an archive lead to the member they name. */
async function membersOf(part: BlobPart): Promise<Members> {
  const members = new Map<string, BlobPart>()
  const links: [string, string][] = []
  await skimTar(part, (reader) => ({
    entry: ({ name, type, size, linkname, extents }) => {
      if (members.size + links.length >= MOST_MEMBERS) return
      const path = plain(name)
      if (type === 'file' && extents === null)
        members.set(path, { file: part.file, offset: part.offset + reader().position, length: size })
      else if (type === 'symlink') links.push([path, plain(joinedPath(path, linkname))])
      else if (type === 'link') links.push([path, plain(linkname)])
    },
    data: () => {},
    end: () => {},
  }))
  for (const [path, target] of links) {
    const found = members.get(target)
    if (found !== undefined) members.set(path, found)
  }
  return members
}

function joinedPath(path: string, target: string): string {
  return target.startsWith('/') ? target : `${path.slice(0, path.lastIndexOf('/') + 1)}${target}`
}

function plain(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return parts.join('/')
}

function ociPlace(where: string, members: Members, close: () => void): BlobPlace {
  const index = asIndex(documentIn(members, 'index.json', where), `${where}: index.json`)
  const part = (digest: string) => members.get(`blobs/sha256/${hexOf(digest)}`) ?? null
  return { where, images: namedIn(index.manifests), part, close }
}

function documentIn(members: Members, name: string, where: string): unknown {
  return parsed(bytesIn(members, name, where).toString('utf8'), `${where}: ${name}`)
}

function bytesIn(members: Members, name: string, where: string): Buffer {
  const part = members.get(name)
  if (part === undefined) throw new StratafsError(`${where}: ${name} is missing`, 'DAMAGED')
  return readSmall(part, `${where}: ${name}`)
}

interface Saved {
  readonly Config: string
  readonly RepoTags?: readonly string[] | null
  readonly Layers: readonly string[]
}

/** manifest.json, made into what an OCI layout says: blobs by digest, a manifest for each image. */
function dockerPlace(where: string, members: Members, close: () => void): BlobPlace {
  const blobs = new Map<string, BlobPart>()
  const images: NamedImage[] = []
  for (const saved of savedIn(members, where)) {
    const entry = asManifest(members, where, saved, blobs)
    const names = saved.RepoTags?.length ? saved.RepoTags : [null]
    images.push(...names.map((name) => ({ name, entry })))
  }
  return { where, images, part: (digest) => blobs.get(digest) ?? null, close }
}

function savedIn(members: Members, where: string): Saved[] {
  const list = documentIn(members, 'manifest.json', where)
  const isSaved = (each: Saved) => typeof each?.Config === 'string' && Array.isArray(each.Layers)
  if (Array.isArray(list) && list.every(isSaved)) return list
  throw new StratafsError(`${where}: manifest.json lists no images as docker save does`, 'DAMAGED')
}

function asManifest(members: Members, where: string, saved: Saved, blobs: Map<string, BlobPart>): Descriptor {
  const configName = plain(fromText(saved.Config))
  const config = bytesIn(members, configName, where)
  const { rootfs } = asConfig(parsed(config.toString('utf8'), `${where}: ${configName}`), `${where}: ${configName}`)
  const put = (bytes: Buffer, mediaType: string): Descriptor => {
    blobs.set(digestOf(bytes), { file: '', offset: 0, length: bytes.length, bytes })
    return { mediaType, digest: digestOf(bytes), size: bytes.length }
  }
  const layers = saved.Layers.map((name, at) => {
    const part = members.get(plain(fromText(String(name))))
    const digest = rootfs.diff_ids[at] ?? ''
    if (part !== undefined) blobs.set(digest, part)
    return { mediaType: MediaType.LAYER, digest, size: part?.length ?? 0 }
  })
  const document = { schemaVersion: 2, mediaType: MediaType.MANIFEST, config: put(config, MediaType.CONFIG), layers }
  return put(Buffer.from(JSON.stringify(document)), MediaType.MANIFEST)
}

function oneLayer(where: string, { part, close }: Opened): Source {
  const content = { kind: 'blob', part } as const
  const told = { digest: null, diffID: null, created: null, command: '', stored: part.length, shared: [] }
  return {
    kind: 'image',
    title: where,
    layers: [{ label: 'layer 1/1', ...told, content }],
    image: null,
    merged: null,
    close,
  }
}
