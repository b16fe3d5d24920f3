/**
 * What layers are called wherever one is shown: the name that it was given, what made it where it is an image's, else
 * the shortest end of its path that no other one has. Paths are latin1, names ordinary text.
 */
import { shown } from '../base/text.js'
import { imageOfLowers } from '../oci/store/known-images.js'
import { shortestEnds } from '../stack/shortest-ends.js'

export interface LayerNames {
  /** LAYOUT:TAG where the layers are an image's. */
  readonly image: string | null
  /** One for each lower, top first. */
  readonly names: readonly string[]
}

/** The names of `lowers` (absolute, top first); `given` are those that somebody chose, `''` where none. */
export function nameLayers(lowers: readonly string[], given: readonly string[] = [], snapshots = 0): LayerNames {
  const image = imageOfLowers(lowers.slice(snapshots))
  const ends = shortestEnds(lowers).map(shown)
  const names = image === null ? ends : [...ends.slice(0, snapshots), ...image.layers]
  return { image: image?.reference ?? null, names: names.map((name, at) => shown(given[at] ?? '') || name) }
}
