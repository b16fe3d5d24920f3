/**
 * Directories that were renamed in an upper: their lower parts lie under the old path, and a mark on the new one leads
 * there. In the index what those parts hold is told under the new path, too, so that every later question finds it
 * there. Layers are read from the lowest, so what a redirect leads to is complete when it is met.
 */
import { asColumn, fromColumn, type IndexFile } from './index-file.js'
import type { Redirect } from './read-directory.js'
import { Flag, ROOT } from './schema.js'

/** Copies below the new paths what the layers under `layer` have below the old ones. */
export function moveRedirected(index: IndexFile, layer: number, redirects: readonly Redirect[]): void {
  index.together(() => {
    const moves = redirects.map(({ path, target }) => [nodeAt(index, path), nodeAt(index, target)] as const)
    for (const [to, from] of moves) if (to !== null && from !== null && to !== from) move(index, layer, from, to)
  })
}

/** The node of `path` (latin1, relative); null where the index has none. */
export function nodeAt(index: IndexFile, path: string): number | null {
  let node: number = ROOT
  for (const name of path.split('/').filter((part) => part !== '')) {
    const found = childOf(index, node, name)
    if (found === null) return null
    node = found
  }
  return node
}

function childOf(index: IndexFile, parent: number, name: string): number | null {
  const bytes = Buffer.from(name, 'latin1')
  const sql = 'SELECT node FROM nodes WHERE parent = ? AND name IN (?, ?)'
  return (index.sql(sql).pluck().get(parent, bytes.toString('utf8'), bytes) as number | undefined) ?? null
}

function move(index: IndexFile, layer: number, from: number, to: number): void {
  // What lies below under the new path is another directory's.
  index.sql(`UPDATE entries SET flags = flags | ${Flag.REDIRECT} WHERE node = ? AND layer = ?`).run(to, layer)
  copyInto(index, layer, from, to, fromColumn(index.sql('SELECT path FROM nodes WHERE node = ?').pluck().get(to)))
}

function copyInto(index: IndexFile, layer: number, from: number, to: number, path: string): void {
  const children = index.sql('SELECT node, name, path FROM nodes WHERE parent = ?').raw().all(from)
  for (const [node, name, isDirectory] of children as [number, string | Buffer, unknown][]) {
    const own = `${path === '/' ? '' : path}/${fromColumn(name)}`
    const copy = nodeFor(index, to, name, isDirectory === null ? null : own)
    index.sql(COPY).run(copy, node, layer)
    index.sql(`UPDATE entries SET flags = flags | ${Flag.RELOCATED} WHERE node = ? AND layer < ?`).run(node, layer)
    if (isDirectory !== null) copyInto(index, layer, node, copy, own)
  }
}

/** A copy has the node of the original as its place. */
const COPY = `INSERT OR REPLACE INTO entries
  SELECT ?, layer, type, mode, uid, gid, size, mtime, link, xattrs,
    CASE WHEN flags & ${Flag.MOVED} THEN place ELSE node END, hash,
    flags & ~${Flag.RELOCATED} | ${Flag.MOVED}, NULL, NULL, NULL, stored, NULL
  FROM entries WHERE node = ? AND layer < ?`

function nodeFor(index: IndexFile, parent: number, name: string | Buffer, path: string | null): number {
  index
    .sql('INSERT OR IGNORE INTO nodes(parent, name, path) VALUES(?, ?, ?)')
    .run(parent, name, path === null ? null : asColumn(path))
  return index.sql('SELECT node FROM nodes WHERE parent = ? AND name = ?').pluck().get(parent, name) as number
}
