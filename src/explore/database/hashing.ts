/**
 * Digests of contents that were leaped over: of files in layers that are not compressed, and in directories. Only those
 * are read that have the size of another one, since others have no like.
 */
import { createHash } from 'node:crypto'
import { closeSync, readSync } from 'node:fs'
import { setImmediate as breathe } from 'node:timers/promises'
import { isCompressed, openPart } from '../sources/read-part.js'
import type { Source } from '../sources/types.js'
import { contentOf } from './content.js'
import type { IndexFile } from './index-file.js'
import { HASH_BYTES, LEAST_HASHED } from './read-archive.js'
import { Flag, Type } from './schema.js'

/** In the order in which they lie; made once, since a question for each page would look at all entries each time. */
const CANDIDATES = `DROP TABLE IF EXISTS temp.unhashed;
CREATE TABLE temp.unhashed(seq INTEGER PRIMARY KEY, node INTEGER, layer INTEGER);
INSERT INTO temp.unhashed(node, layer) SELECT node, layer FROM entries
  WHERE type = ${Type.FILE} AND +hash IS NULL AND +size >= ${LEAST_HASHED}
    AND flags & ${Flag.MOVED | Flag.METACOPY | Flag.SPARSE} = 0
    AND size IN (SELECT size FROM entries WHERE type = ${Type.FILE} AND size >= ${LEAST_HASHED}
      GROUP BY size HAVING count(*) > 1)
  ORDER BY layer, place, node;`

const CHUNK = 256 * 1024
/** Files of a page. */
const PAGE = 1_000

/** Reads what has to be read. A file that cannot be has no digest. */
export async function hashContents(source: Source, index: IndexFile, signal: AbortSignal): Promise<void> {
  index.exec(CANDIDATES)
  const select = `SELECT u.seq, u.node, u.layer, e.place, e.size FROM temp.unhashed u JOIN entries e USING (node, layer)
    WHERE u.seq > ? ORDER BY u.seq LIMIT ${PAGE}`
  const blobs = new PlainBlobs(source)
  try {
    for (let after = 0; ; ) {
      const rows = index.sql(select).raw().all(after) as [number, number, number, number | null, number][]
      for (const [, node, layer, place, size] of rows) {
        if (signal.aborted) return
        const hash = blobs.hash(layer, place, size) ?? (await hashOf(source, index, node, layer))
        if (hash !== null) index.sql('UPDATE entries SET hash = ? WHERE node = ? AND layer = ?').run(hash, node, layer)
      }
      const last = rows.at(-1)
      if (last === undefined) return
      after = last[0]
      await breathe()
    }
  } finally {
    blobs.close()
  }
}

/** Blobs that are not compressed: each is opened once, and read in its order. */
class PlainBlobs {
  readonly #fds = new Map<number, number | null>()
  readonly #buffer = Buffer.allocUnsafeSlow(CHUNK)

  constructor(private readonly source: Source) {}

  /** Null where the layer is no such blob, or ends before. */
  hash(layer: number, place: number | null, size: number): Buffer | null {
    const { content } = this.source.layers[layer]!
    if (place === null || content.kind !== 'blob') return null
    const { part } = content
    if (!this.#fds.has(layer)) this.#fds.set(layer, isCompressed(part) ? null : openPart(part))
    const fd = this.#fds.get(layer)!
    if (fd === null) return null
    const hash = createHash('sha256')
    for (let done = 0; done < size; ) {
      const length = readSync(fd, this.#buffer, 0, Math.min(CHUNK, size - done), part.offset + place + done)
      if (length === 0) return null
      hash.update(this.#buffer.subarray(0, length))
      done += length
    }
    return hash.digest().subarray(0, HASH_BYTES)
  }

  close(): void {
    for (const fd of this.#fds.values()) if (fd !== null) closeSync(fd)
  }
}

async function hashOf(source: Source, index: IndexFile, node: number, layer: number): Promise<Buffer | null> {
  const hash = createHash('sha256')
  try {
    const content = contentOf(source, index, node, layer)
    for await (const piece of content.bytes(0, content.size)) hash.update(piece)
  } catch {
    return null
  }
  return hash.digest().subarray(0, HASH_BYTES)
}
