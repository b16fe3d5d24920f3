/**
 * The lower parts of a merged directory. Those that a search has found are a plain list. Of those that the owner index
 * knows only the set of layers is kept. With two hundred layers most parts of a directory are never looked at, and
 * making each of them for every directory would cost more than all else.
 */

import { LayerDir } from '../layers/layer-dir.js'
import { packLayers, unpackLayers } from './layer-list.js'

/** Parts, top first: an array of them, or LazyLayerDirs. Positions count from 0. */
export interface LayerDirs extends Iterable<LayerDir> {
  readonly length: number
  at(position: number): LayerDir | undefined
}

/**
 * Layers that a directory joins, by their numbers, top first: from lowest to highest. Many directories share one
 * object.
 */
export class LayerSet {
  /** The one that was last asked about in `isWithin`. */
  #within: LayerSet | null = null

  constructor(readonly layers: readonly number[]) {}

  has(layer: number): boolean {
    return this.positionOf(layer) >= 0
  }

  /** Where `layer` stands in the list, or -1. */
  positionOf(layer: number): number {
    const { layers } = this
    let from = 0
    let to = layers.length - 1
    while (from <= to) {
      const middle = (from + to) >> 1
      if (layers[middle] === layer) return middle
      if (layers[middle]! < layer) from = middle + 1
      else to = middle - 1
    }
    return -1
  }

  equals(other: LayerSet): boolean {
    if (this === other) return true
    const { layers } = this
    return layers.length === other.layers.length && layers.every((layer, i) => layer === other.layers[i])
  }

  /** Whether all of them are among `all`, too. */
  isWithin(all: LayerSet): boolean {
    if (all === this || all === this.#within) return true
    if (!this.layers.every((layer) => all.has(layer))) return false
    this.#within = all
    return true
  }
}

/** Sets kept; beyond that they are no longer shared. */
const KEPT_SETS = 4096

/** One object for each set of layers, so that they are made once and compared at a glance. */
export class LayerSets {
  readonly #sets = new Map<string, LayerSet>()

  /** The set that a row names (layer-list.ts). */
  ofPacked(packed: Buffer): LayerSet {
    return this.#kept(packed, null)
  }

  of(layers: readonly number[]): LayerSet {
    return this.#kept(packLayers(layers), layers)
  }

  /** The layers of `parts`. */
  ofParts(parts: LayerDirs): LayerSet {
    return parts instanceof LazyLayerDirs ? parts.set : this.of(Array.from(parts, (part) => part.layer.position))
  }

  #kept(packed: Buffer, layers: readonly number[] | null): LayerSet {
    const key = packed.toString('latin1')
    const known = this.#sets.get(key)
    if (known !== undefined) return known
    const set = new LayerSet(layers ?? unpackLayers(packed))
    if (this.#sets.size < KEPT_SETS) this.#sets.set(key, set)
    return set
  }
}

/** Parts that are known by their layers. */
abstract class PartsOfSet implements LayerDirs {
  constructor(readonly set: LayerSet) {}

  get length(): number {
    return this.set.layers.length
  }

  *[Symbol.iterator](): IterableIterator<LayerDir> {
    for (let position = 0; position < this.length; position++) yield this.at(position)!
  }

  abstract at(position: number): LayerDir | undefined
}

/**
 * Parts that carry no marks which matter inside, all under `name` in the parts `above`; made when somebody asks for
 * them.
 */
export class LazyLayerDirs extends PartsOfSet {
  #made: (LayerDir | undefined)[] | null = null

  constructor(
    private readonly above: LayerDirs,
    set: LayerSet,
    private readonly name: string,
    /** Layers in all. */
    private readonly depth: number,
  ) {
    super(set)
  }

  at(position: number): LayerDir | undefined {
    const known = this.#made?.[position]
    if (known !== undefined) return known
    const layer = this.set.layers[position]
    return layer === undefined ? undefined : this.#make(layer)
  }

  /** Those that have been asked for so far. */
  get made(): readonly LayerDir[] {
    return this.#made?.filter((part) => part !== undefined) ?? []
  }

  /** The path that all of them have in their layers; null where those above differ, or it is longer than `longest`. */
  path(longest: number): string | null {
    const names: string[] = []
    let above: LayerDirs = this
    let room = longest
    for (; above instanceof LazyLayerDirs; above = above.above) {
      names.push(above.name)
      room -= above.name.length + 1
      if (room < -1) return null
    }
    const path = commonPath(above, room)
    if (path === null) return null
    return [...(path === '' ? [] : [path]), ...names.reverse()].join('/')
  }

  /** Makes the part in `layer`, and those above it that are missing: a loop, because a tree may be of any depth. */
  #make(layer: number): LayerDir {
    const missing: LazyLayerDirs[] = []
    let above: LayerDirs = this
    let part: LayerDir | undefined
    while (above instanceof LazyLayerDirs) {
      part = above.#made?.[above.set.positionOf(layer)]
      if (part !== undefined) break
      missing.push(above)
      above = above.above
    }
    part ??= partIn(above, layer)
    for (const parts of missing.reverse()) part = parts.#keep(joinedPart(part, parts.name, parts.depth))
    return part
  }

  #keep(part: LayerDir): LayerDir {
    this.#made ??= []
    this.#made[this.set.positionOf(part.layer.position)] = part
    return part
  }
}

/** Those of `parts` that are in the layers of `set`, all of which are among them. */
export function partsIn(parts: LayerDirs, set: LayerSet): LayerDirs {
  if (parts.length === set.layers.length) return parts
  return new SomeParts(parts, set)
}

class SomeParts extends PartsOfSet {
  constructor(
    private readonly parts: LayerDirs,
    set: LayerSet,
  ) {
    super(set)
  }

  at(position: number): LayerDir | undefined {
    const layer = this.set.layers[position]
    return layer === undefined ? undefined : partIn(this.parts, layer)
  }
}

/** A part that carries no marks which matter inside; as a search (search.ts) would leave it. */
export function joinedPart(parent: LayerDir, name: string, depth: number): LayerDir {
  const part = new LayerDir(parent.layer, parent, name)
  part.inspected = parent.layer.position + 1 < depth
  return part
}

/** The one of `parts` that is in `layer`, which must be among them. */
export function partIn(parts: LayerDirs, layer: number): LayerDir {
  if (parts instanceof LazyLayerDirs) return parts.at(parts.set.positionOf(layer))!
  let from = 0
  let to = parts.length - 1
  while (from < to) {
    const middle = (from + to) >> 1
    if (parts.at(middle)!.layer.position < layer) from = middle + 1
    else to = middle
  }
  return parts.at(from)!
}

/** Those of `parts` that there are in memory: only they can have descriptors. */
export function existing(parts: LayerDirs): Iterable<LayerDir> {
  return parts instanceof LazyLayerDirs ? parts.made : parts
}

/**
 * The path that all parts have in their layers, as the index keeps them; null where they differ. One longer than
 * `longest` is null, too, and takes no longer to be found so.
 */
export function commonPath(parts: LayerDirs, longest: number): string | null {
  if (parts instanceof LazyLayerDirs) return parts.path(longest)
  const path = pathUpTo(parts.at(0)!, longest)
  if (path === null) return null
  for (let i = 1; i < parts.length; i++) if (!hasPath(parts.at(i)!, parts.at(i - 1)!)) return null
  return path
}

function pathUpTo(dir: LayerDir, longest: number): string | null {
  let length = -1
  for (let at = dir; at.parent !== null; at = at.parent) {
    length += at.name.length + 1
    if (length > longest) return null
  }
  return dir.path()
}

/** Whether two directories have the same names on the way, without building either path. */
function hasPath(a: LayerDir, b: LayerDir): boolean {
  let left: LayerDir | null = a
  let right: LayerDir | null = b
  while (left !== null && right !== null) {
    if (left.name !== right.name) return false
    left = left.parent
    right = right.parent
  }
  return left === right
}
