/**
 * Writes entries of layers into the index as they are met. Directories are found again by a small memory of paths;
 * what is not in it is asked of the index, so that memory does not grow with the image.
 */
import { nameOf, parentOf } from '../../oci/apply/paths.js'
import { asColumn, fromColumn, type IndexFile } from './index-file.js'
import { Flag, ROOT, Type } from './schema.js'

/** Directories that are remembered. */
const REMEMBERED = 20_000

/** An entry of a layer; `path` relative to the root, latin1. */
interface NewEntry {
  readonly path: string
  readonly type: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  /** Bytes that the archive holds of it, where those are others: it has holes. */
  readonly stored?: number | null
  readonly mtime: number
  /** Target of a symbolic link; path of the file that a hard link is another name of. Latin1. */
  readonly link: string | null
  /** Names of extended attributes with their values in hexadecimal, as JSON; null where there are none. */
  readonly xattrs: string | null
  /** Where its data begins in the archive, decompressed; null in a directory. */
  readonly place: number | null
  readonly flags: number
}

const UPSERT = `INSERT INTO
    entries(node, layer, type, mode, uid, gid, size, mtime, link, xattrs, place, flags, target, stored)
  VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT(node, layer) DO UPDATE SET type = excluded.type, mode = excluded.mode, uid = excluded.uid,
    gid = excluded.gid, size = excluded.size, mtime = excluded.mtime, link = excluded.link, xattrs = excluded.xattrs,
    place = excluded.place, hash = NULL, target = excluded.target, stored = excluded.stored,
    flags = excluded.flags | (flags & ${Flag.WHITEOUT}) |
      CASE WHEN excluded.type = ${Type.DIRECTORY} THEN flags & ${Flag.OPAQUE} ELSE 0 END`

const IMPLY = `INSERT OR IGNORE INTO entries(node, layer, type, mode, uid, gid, size, flags)
  VALUES(?, ?, ${Type.DIRECTORY}, 493, 0, 0, 0, ${Flag.IMPLIED})`

const LINK = `SELECT link FROM entries WHERE node = ? AND layer = ? AND type = ${Type.SYMLINK}`

const TARGET = `SELECT coalesce(e.target, e.node) FROM nodes n JOIN entries e USING (node)
  WHERE n.parent = ? AND n.name = ? AND e.layer = ?`

/** Symbolic links that are followed on the way to one name. */
const MOST_LINKS = 40

const HIDE = `INSERT INTO entries(node, layer, type, size, flags) VALUES(?, ?, 0, 0, ${Flag.WHITEOUT})
  ON CONFLICT(node, layer) DO UPDATE SET flags = flags | ${Flag.WHITEOUT}`

export class EntryWriter {
  /** Path to node; which layer has the directory already. */
  readonly #directories = new Map<string, { readonly node: number; layer: number }>()
  #next: number
  #layer = 0
  #links = 0

  constructor(private readonly index: IndexFile) {
    this.#next = (index.sql('SELECT max(node) FROM nodes').pluck().get() as number) + 1
  }

  /** What follows is of this layer. */
  begin(layer: number): void {
    this.#layer = layer
  }

  /** Writes an entry; its node. */
  entry(entry: NewEntry): number {
    const { path, type } = entry
    const node = type === Type.DIRECTORY ? this.#directory(path) : this.#child(path)
    const { mode, uid, gid, size, stored = null, mtime, link, xattrs, place, flags } = entry
    const column = link === null ? null : asColumn(link)
    const target = type === Type.LINK && link !== null ? this.#fileOf(link) : null
    // A second entry that says of a file that it is another name of itself says nothing.
    if (target === node) return node
    const rest = [type, mode, uid, gid, size, mtime, column, xattrs, place, flags, target, stored]
    this.index.sql(UPSERT).run(node, this.#layer, ...rest)
    return node
  }

  /** The node of the file that the hard link to `path` is another name of; null where this layer has none. */
  #fileOf(path: string): number | null {
    const parent = this.#directory(parentOf(path))
    const name = asColumn(nameOf(path))
    return (this.index.sql(TARGET).pluck().get(parent, name, this.#layer) as number | undefined) ?? null
  }

  /** The content of the entry that was written as `node`. */
  hash(node: number, hash: Uint8Array): void {
    this.index.sql('UPDATE entries SET hash = ? WHERE node = ? AND layer = ?').run(hash, node, this.#layer)
  }

  /** The layer hides `path` of those below. */
  whiteout(path: string): void {
    this.index.sql(HIDE).run(this.#child(path), this.#layer)
  }

  /** Nothing of the layers below shows in the directory `path`. */
  opaque(path: string): void {
    const sql = `UPDATE entries SET flags = flags | ${Flag.OPAQUE} WHERE node = ? AND layer = ?`
    this.index.sql(sql).run(this.#directory(path), this.#layer)
  }

  /** Entries were taken out of the index: what is remembered may be gone. */
  forget(): void {
    this.#directories.clear()
  }

  #child(path: string): number {
    const parent = this.#directory(parentOf(path))
    return this.#node(parent, nameOf(path), null)
  }

  /** The node of a directory, which this layer has from now on. */
  #directory(path: string): number {
    const known = this.#directories.get(path)
    if (known !== undefined && known.layer === this.#layer) return known.node
    if (path !== '' && known !== undefined) this.#directory(parentOf(path))
    const node = path === '' ? ROOT : (known?.node ?? this.#made(path))
    const { changes } = this.index.sql(IMPLY).run(node, this.#layer)
    const link = changes > 0 ? undefined : (this.index.sql(LINK).pluck().get(node, this.#layer) as unknown)
    if (link !== undefined && this.#links < MOST_LINKS) return this.#behind(path, fromColumn(link))
    if (known === undefined && this.#directories.size >= REMEMBERED) this.#forget()
    this.#directories.set(path, { node, layer: this.#layer })
    return node
  }

  /** The directory that `path` leads to, a symbolic link of this layer: what lies behind it is there. */
  #behind(path: string, link: string): number {
    const parts: string[] = []
    for (const part of `${link.startsWith('/') ? '' : `${parentOf(path)}/`}${link}`.split('/')) {
      if (part === '..') parts.pop()
      else if (part !== '' && part !== '.') parts.push(part)
    }
    this.#links++
    const node = this.#directory(parts.join('/'))
    this.#links--
    return node
  }

  #made(path: string): number {
    return this.#node(this.#directory(parentOf(path)), nameOf(path), `/${path}`)
  }

  #node(parent: number, name: string, path: string | null): number {
    const column = asColumn(name)
    const { changes } = this.index
      .sql('INSERT OR IGNORE INTO nodes VALUES(?, ?, ?, ?)')
      .run(this.#next, parent, column, path === null ? null : asColumn(path))
    if (changes > 0) return this.#next++
    const node = this.index.sql('SELECT node FROM nodes WHERE parent = ? AND name = ?').pluck().get(parent, column)
    if (path !== null)
      this.index.sql('UPDATE nodes SET path = ? WHERE node = ? AND path IS NULL').run(asColumn(path), node)
    return node as number
  }

  #forget(): void {
    let left = this.#directories.size / 2
    for (const path of this.#directories.keys()) {
      if (left-- <= 0) return
      this.#directories.delete(path)
    }
  }
}
