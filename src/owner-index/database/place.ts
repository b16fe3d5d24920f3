/**
 * Where a directory lies in the merged tree. It is named as its parent and a name, as its row is, so that a tree of any
 * depth costs no more for each directory than a flat one: a path as long as the tree is deep is made for people only.
 */
import { createHash } from 'node:crypto'
import type { LayerDir } from '../../layers/layer-dir.js'
import { partIn } from '../../stack/parts.js'

/** Directories with a longer path have no key. A row says what they are, but the engine does not ask for it. */
export const LONGEST_PATH = 4096
export const KEY_BYTES = 20

/** By what the row of the directory at `path` (latin1) is found; null where the path is too long. */
export function keyOf(path: string): Buffer | null {
  if (path.length > LONGEST_PATH) return null
  return createHash('sha256').update(path, 'latin1').digest().subarray(0, KEY_BYTES)
}

export class Place {
  /** Some part lies elsewhere in its layer. */
  readonly isRedirected: boolean

  private constructor(
    readonly parent: Place | null,
    readonly name: string,
    /** Where the directory lies in its layers, top first. */
    readonly parts: readonly LayerDir[],
    /** Of its path. */
    private readonly length: number,
  ) {
    this.isRedirected = parts.some((part) => !this.#isHere(part))
  }

  static root(parts: readonly LayerDir[]): Place {
    return new Place(null, '', parts, 0)
  }

  child(name: string, parts: readonly LayerDir[]): Place {
    return new Place(this, name, parts, this.length + (this.parent === null ? 0 : 1) + name.length)
  }

  /** From the merged root, without a slash in front. */
  get path(): string {
    const names: string[] = []
    for (let place: Place = this; place.parent !== null; place = place.parent) names.push(place.name)
    return names.reverse().join('/')
  }

  get key(): Buffer | null {
    return this.length > LONGEST_PATH ? null : keyOf(this.path)
  }

  #isHere(part: LayerDir): boolean {
    let at: LayerDir | null = part
    let place: Place | null = this
    for (; at !== null && place !== null; at = at.parent, place = place.parent) {
      if (at.name !== place.name) return false
      // Mostly the part lies in one of the parent's. Only what a redirect led to is followed up to the root.
      const { parent } = place
      const known = parent !== null && !parent.isRedirected && partIn(parent.parts, at.layer.position)
      if (known !== false && known === at.parent) return true
    }
    return at === place
  }
}
