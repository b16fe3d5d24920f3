/**
 * Digests of contents that were leaped over: of files in layers that are not compressed, and in directories. Only those
 * are read that have the size of another one, since others have no like.
 */
import { createHash } from 'node:crypto'
import type { Source } from '../sources/types.js'
import { contentOf } from './content.js'
import type { IndexFile } from './index-file.js'
import { HASH_BYTES, LEAST_HASHED } from './read-archive.js'
import { Flag, Type } from './schema.js'

const CANDIDATES = `SELECT e.node, e.layer FROM entries e WHERE e.type = ${Type.FILE} AND e.hash IS NULL
  AND e.size >= ${LEAST_HASHED} AND e.flags & ${Flag.MOVED | Flag.METACOPY | Flag.SPARSE} = 0
  AND (e.layer, e.node) > (?, ?) AND EXISTS(SELECT 1 FROM entries o
    WHERE o.type = ${Type.FILE} AND o.size = e.size AND (o.node, o.layer) <> (e.node, e.layer))
  ORDER BY e.layer, e.node LIMIT 1000`

/** Reads what has to be read. A file that cannot be has no digest. */
export async function hashContents(source: Source, index: IndexFile, signal: AbortSignal): Promise<void> {
  for (let after = [-1, -1]; ; ) {
    const rows = index
      .sql(CANDIDATES)
      .raw()
      .all(...after) as [number, number][]
    for (const [node, layer] of rows) {
      if (signal.aborted) return
      const hash = await hashOf(source, index, node, layer)
      const sql = 'UPDATE entries SET hash = ? WHERE node = ? AND layer = ?'
      if (hash !== null) index.sql(sql).run(hash, node, layer)
    }
    const last = rows.at(-1)
    if (last === undefined) return
    after = [last[1], last[0]]
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
