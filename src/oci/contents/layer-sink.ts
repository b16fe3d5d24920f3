/** Puts a layer's entries into a tree as they are read. A file is there once its data has gone by. */
import { createHash, type Hash } from 'node:crypto'
import { meaningOf, targetOf } from '../apply/names.js'
import { joined } from '../apply/paths.js'
import { entryFault, type TarEntry, type TarSink } from '../tar/entry.js'
import { directoryEntry, type ImageTree } from './image-tree.js'
import type { Entry, Kind } from './node.js'

/** Letters of a digest that are kept: 128 bits tell files apart. */
const KEPT = 22
const MOST_XATTRS = 64 * 1024
const LONGEST_HOLE = 4 * 1024 ** 3
const ZEROS = Buffer.alloc(64 * 1024)

export class LayerSink implements TarSink {
  #entry: TarEntry | null = null
  #hash: Hash | null = null
  /** Bytes of the entry's data so far, and where in the file they end. */
  #data = 0
  #at = 0

  /**
   * `layer` counts from 0. `digests`: whether contents will be compared. `counted` is told of the bytes of each file,
   * holes left out.
   */
  constructor(
    private readonly tree: ImageTree,
    private readonly layer: number,
    private readonly digests: boolean,
    private readonly counted: (bytes: number) => void = () => {},
  ) {
    // A union's root looks as its topmost layer has it, described there or not.
    tree.put('', directoryEntry(layer))
  }

  entry(entry: TarEntry): void {
    this.#entry = entry
    this.#data = 0
    this.#at = 0
    this.#hash = this.digests && entry.type === 'file' ? createHash('sha256') : null
  }

  data(bytes: Buffer, offset: number): void {
    this.#data += bytes.length
    this.#hole(offset)
    this.#hash?.update(bytes)
    this.#at = offset + bytes.length
  }

  /** Holes are the zeros that a reader sees; a very long one, which nobody could read, its length alone. */
  #hole(end: number): void {
    const length = end - this.#at
    if (this.#hash === null || length <= 0) return
    if (length > LONGEST_HOLE) this.#hash.update(`${length}`)
    else for (let at = 0; at < length; at += ZEROS.length) this.#hash.update(ZEROS.subarray(0, length - at))
  }

  end(): void {
    const entry = this.#entry!
    const meaning = meaningOf(entry.name)
    if (meaning.kind === 'bookkeeping') return
    if (meaning.kind === 'opaque') return this.tree.opaque(this.#resolved(meaning.path), this.layer)
    if (meaning.kind === 'root') return this.tree.put('', this.#entryOf(entry))
    const isWhiteout = meaning.kind === 'whiteout' || (entry.type === 'char' && entry.major + entry.minor === 0)
    // One that lies behind a link of the layer hides nothing.
    if (isWhiteout) return this.tree.whiteout(joined(meaning.parent, meaning.name), this.layer)
    const path = joined(this.#resolved(meaning.parent), meaning.name)
    if (entry.type === 'file') this.counted(this.#data)
    if (entry.type === 'link') this.#link(path, entry)
    else this.tree.put(path, this.#entryOf(entry))
  }

  #resolved(path: string): string {
    const found = this.tree.resolve(path, this.layer)
    if (found !== null) return found
    throw entryFault(this.#entry!.name, 'it goes through more symbolic links than Linux follows')
  }

  #link(path: string, entry: TarEntry): void {
    const { parent, name } = targetOf(entry.name, entry.linkname)
    const target = joined(this.#resolved(parent), name)
    const found = this.tree.find(target)
    if (found === null || found.entry.layer !== this.layer || found.children !== null)
      throw entryFault(entry.name, `a hard link to ${target}, which is not in this layer`)
    if (path === target) return
    // Counted first: what stood here may have been another name of the same file.
    found.entry.inode.names++
    this.tree.put(path, found.entry)
  }

  #entryOf(entry: TarEntry): Entry {
    const { type, mode, uid, gid, size, linkname, major, minor, acls } = entry
    const isDevice = type === 'char' || type === 'block'
    this.#hole(size)
    return {
      kind: type as Kind,
      // A symbolic link's means nothing, and tars have any.
      mode: type === 'symlink' ? 0o777 : mode,
      uid,
      gid,
      size: type === 'file' ? size : 0,
      target: type === 'symlink' ? linkname : isDevice ? `${major}:${minor}` : '',
      content: this.#hash === null ? null : this.#hash.digest('base64').slice(0, KEPT),
      xattrs: xattrText(entry.xattrs ?? []),
      acls: acls === null ? '' : `${acls.access ?? ''}\n${acls.default ?? ''}`,
      layer: this.layer,
      inode: { bytes: this.#data, names: 1, layer: this.layer },
    }
  }
}

/** One text of all attributes, whatever their order; what belongs to a host is left out. */
export function xattrText(xattrs: Iterable<readonly [name: string, value: Uint8Array]>): string {
  const all = [...xattrs].filter(([name]) => !/^(security\.(selinux|ima|evm)|system\.posix_acl_)/.test(name))
  const text = all
    .map(([name, value]) => `${name}=${Buffer.from(value).toString('latin1')}\n`)
    .sort()
    .join('')
  return text.length <= MOST_XATTRS ? text : createHash('sha256').update(text, 'latin1').digest('base64')
}
