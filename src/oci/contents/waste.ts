/**
 * What an image carries and does not show: files that a later layer deletes, writes again, or only gives another owner
 * or mode. Counted are bytes of files in the layers. A file of several names counts once, and is hidden when its last
 * name is.
 */
import type { StoredLayer } from '../store/images.js'
import { ImageTree } from './image-tree.js'
import { LayerSink } from './layer-sink.js'
import type { Entry } from './node.js'
import { type Reading, readLayers } from './read-layers.js'

/**
 * `deleted`; `overwritten`, by other content; `repeated`, by the same content and attributes; `attributes`, by the same
 * content with another owner, mode or attribute.
 */
export type How = 'deleted' | 'overwritten' | 'repeated' | 'attributes'

/** What one path of a layer hides of another layer. */
interface WastedPath {
  /** latin1, from the root: of a tree that goes its top. */
  readonly path: string
  readonly how: How
  /** Layers count from 1, the lowest: that which holds the bytes, and that which hides them. */
  readonly layer: number
  readonly by: number
  bytes: number
  files: number
}

/** One layer's part. */
interface LayerWaste {
  /** Of its files. */
  bytes: number
  files: number
  /** Of these, what later layers hide; and what it hides of others. */
  hidden: number
  hides: number
}

export interface Waste {
  /** The lowest first. */
  readonly layers: readonly LayerWaste[]
  /** The largest first. */
  readonly paths: readonly WastedPath[]
}

/** Reads `layers`, the lowest first. Throws StratafsError. */
export async function findWaste(layers: readonly StoredLayer[], reading: Reading): Promise<Waste> {
  const counter = new Counter(layers.length)
  await readLayers(layers, 0, (position) => counter.begin(position), reading)
  return { layers: counter.layers, paths: counter.paths() }
}

class Counter {
  readonly layers: LayerWaste[]
  readonly #tree = new ImageTree()
  readonly #paths = new Map<string, WastedPath>()
  #current = 0

  constructor(count: number) {
    this.layers = [...Array(count).keys()].map(() => ({ bytes: 0, files: 0, hidden: 0, hides: 0 }))
    this.#tree.onHidden = (path, entry, root, by) => this.#hidden(path, entry, root, by)
  }

  begin(position: number): LayerSink {
    this.#current = position
    const layer = this.layers[position]!
    return new LayerSink(this.#tree, position, true, (bytes) => {
      layer.bytes += bytes
      layer.files++
    })
  }

  #hidden(path: string, entry: Entry, root: string, by: Entry | null): void {
    const { inode, kind } = entry
    if (kind !== 'file' || --inode.names > 0) return
    const how = howOf(entry, path === root ? by : null)
    this.layers[inode.layer]!.hidden += inode.bytes
    this.layers[this.#current]!.hides += inode.bytes
    const key = `${inode.layer} ${this.#current} ${how} ${root}`
    const known = this.#paths.get(key)
    const fresh = { path: `/${root}`, how, layer: inode.layer + 1, by: this.#current + 1, bytes: 0, files: 0 }
    const item = known ?? fresh
    item.bytes += inode.bytes
    item.files++
    if (known === undefined) this.#paths.set(key, item)
  }

  paths(): WastedPath[] {
    return [...this.#paths.values()].sort((a, b) => b.bytes - a.bytes || (a.path < b.path ? -1 : 1))
  }
}

function howOf(entry: Entry, by: Entry | null): How {
  if (by === null) return 'deleted'
  if (by.kind !== 'file' || by.size !== entry.size || by.content !== entry.content) return 'overwritten'
  const same = (['mode', 'uid', 'gid', 'xattrs', 'acls'] as const).every((field) => by[field] === entry[field])
  return same ? 'repeated' : 'attributes'
}
