/**
 * A file's content out of its layer, when somebody asks: from the middle of an archive, which is decompressed up to
 * there, or from a directory, beneath its root and through no link. Nothing is unpacked.
 */
import { closeSync, fstatSync, read } from 'node:fs'
import { promisify } from 'node:util'
import { errnoWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import { decompress } from '../../oci/encoding/compression.js'
import { TarReader } from '../../oci/tar/reader.js'
import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_PATH, O_RDONLY } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { chunksOf, isCompressed } from '../sources/read-part.js'
import type { BlobPart, Source } from '../sources/types.js'
import { fromColumn, type IndexFile } from './index-file.js'
import { nodeAt } from './redirects.js'
import { Flag, ROOT, Type } from './schema.js'

const CHUNK = 256 * 1024
/** Hard links that are followed; archives can make circles. */
const MOST_LINKS = 8
const readInto = promisify(read)

interface Row {
  readonly type: number
  readonly size: number
  readonly link: unknown
  readonly place: number | null
  readonly flags: number
}

export interface Content {
  readonly size: number
  /** Bytes from `offset` on, `length` at most. Pieces are valid until the next is asked for. */
  bytes(offset: number, length: number): AsyncGenerator<Buffer>
}

/** The content of `node` in `layer`. Throws StratafsError where it is no file, or not there. */
export function contentOf(source: Source, index: IndexFile, node: number, layer: number): Content {
  const [file, at, row] = fileOf(index, node, layer, MOST_LINKS)
  const { content, label } = source.layers[at]!
  if (content.kind === 'missing') throw new StratafsError(`${label}: ${content.reason}`, 'NOT_FOUND')
  const { size, place } = row
  if (content.kind === 'directory') {
    const path = pathOf(index, (row.flags & Flag.MOVED) !== 0 && place !== null ? place : file)
    return { size, bytes: (offset, length) => fromDirectory(content.root, path, offset, length) }
  }
  const from = (row.flags & Flag.SPARSE) !== 0 ? sparseIn : plainIn
  return { size, bytes: (offset, length) => from(content.part, place ?? 0, size, offset, length) }
}

/** The regular file that (node, layer) is, by hard links, and attributes over content below. */
function fileOf(index: IndexFile, node: number, layer: number, links: number): [number, number, Row] {
  const sql = 'SELECT type, coalesce(size, 0) AS size, link, place, flags FROM entries WHERE node = ? AND layer = ?'
  const row = index.sql(sql).get(node, layer) as Row | undefined
  if (row?.type === Type.LINK && links > 0) {
    const target = nodeAt(index, fromColumn(row.link))
    const at = target === null ? undefined : ownerOf(index, target, layer)
    if (at !== undefined) return fileOf(index, target!, at, links - 1)
  }
  if (row?.type === Type.FILE && (row.flags & Flag.METACOPY) !== 0) {
    const below = ownerOf(index, node, layer - 1)
    if (below !== undefined) return fileOf(index, node, below, links)
    throw new StratafsError(`/${shown(pathOf(index, node))} has its content in a layer of data only`, 'NOT_FOUND')
  }
  if (row?.type === Type.FILE) return [node, layer, row]
  const path = `/${shown(pathOf(index, node))}`
  throw new StratafsError(`${path} is no file in this layer: only files have content`, 'NOT_FOUND')
}

function ownerOf(index: IndexFile, node: number, layer: number): number | undefined {
  const sql = 'SELECT layer FROM entries WHERE node = ? AND layer <= ? AND type <> 0 ORDER BY layer DESC LIMIT 1'
  return index.sql(sql).pluck().get(node, layer) as number | undefined
}

/** The path of a node, latin1, relative. */
function pathOf(index: IndexFile, node: number): string {
  const names: string[] = []
  for (let at = node; at !== ROOT; ) {
    const [name, parent] = index.sql('SELECT name, parent FROM nodes WHERE node = ?').raw().get(at) as [unknown, number]
    names.unshift(fromColumn(name))
    at = parent
  }
  return names.join('/')
}

async function* plainIn(part: BlobPart, place: number, size: number, offset: number, length: number) {
  const whole = Math.max(0, Math.min(length, size - offset))
  if (whole === 0) return
  if (!isCompressed(part)) return yield* chunksOf({ ...part, offset: part.offset + place + offset, length: whole })
  const { content } = await decompress(chunksOf(part))
  yield* slice(content, place + offset, whole)
}

async function* slice(content: AsyncIterable<Buffer>, from: number, length: number): AsyncGenerator<Buffer> {
  let at = 0
  for await (const piece of content) {
    const begin = Math.max(0, from - at)
    const end = Math.min(piece.length, from + length - at)
    if (end > begin) yield piece.subarray(begin, end)
    at += piece.length
    if (at >= from + length) return
  }
}

/** The parts of a sparse file, with the holes between them. */
async function* sparseIn(part: BlobPart, place: number, size: number, offset: number, length: number) {
  const bytes = Buffer.alloc(Math.max(0, Math.min(length, size - offset, MOST_SPARSE)))
  let isIt = false
  let ended = false
  const reader: TarReader = new TarReader({
    entry: () => {
      isIt = reader.position === place
    },
    data: (piece, at) => {
      if (isIt) piece.copy(bytes, Math.max(0, at - offset), Math.max(0, offset - at))
    },
    end: () => {
      ended ||= isIt
      isIt = false
    },
  })
  const { content } = await decompress(chunksOf(part))
  for await (const piece of content) {
    reader.push(piece)
    if (ended) break
  }
  yield bytes
}

/** Of a sparse file, so much is shown at once. */
const MOST_SPARSE = 64 * 1024 * 1024

async function* fromDirectory(root: string, path: string, offset: number, length: number): AsyncGenerator<Buffer> {
  const rootFd = native.openat(AT_FDCWD, root, O_PATH | O_DIRECTORY, 0)
  const fd = rootFd < 0 ? rootFd : native.openBeneath(rootFd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0)
  if (rootFd >= 0) native.close(rootFd)
  if (fd < 0) throw new StratafsError(`/${shown(path)} cannot be opened: ${errnoWords(fd)}`, 'NOT_FOUND')
  try {
    if (!fstatSync(fd).isFile()) throw new StratafsError(`/${shown(path)} is no file any more`, 'NOT_FOUND')
    const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK, Math.max(1, length)))
    for (let at = offset, left = length; left > 0; ) {
      const { bytesRead } = await readInto(fd, buffer, 0, Math.min(buffer.length, left), at)
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
      at += bytesRead
      left -= bytesRead
    }
  } finally {
    closeSync(fd)
  }
}
