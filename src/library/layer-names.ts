/**
 * What layers are called wherever one is shown: the name that it was given, what made it where it is an image's, else
 * the shortest end of its path that no other one has. Paths are latin1, names ordinary text.
 */
import { shown } from '../base/text.js'
import { imageOfLowers } from '../oci/store/known-images.js'

export interface LayerNames {
  /** LAYOUT:TAG where the layers are an image's. */
  readonly image: string | null
  /** One for each lower, top first. */
  readonly names: readonly string[]
}

/** The names of `lowers` (absolute, top first); `given` are those that somebody chose, `''` where none. */
export function nameLayers(lowers: readonly string[], given: readonly string[] = []): LayerNames {
  const image = imageOfLowers(lowers)
  const names = image?.layers ?? shortestEnds(lowers).map(shown)
  return { image: image?.reference ?? null, names: names.map((name, at) => shown(given[at] ?? '') || name) }
}

/** The last components of each path, as few as tell it from all others. Pure. */
export function shortestEnds(paths: readonly string[]): string[] {
  const parts = paths.map((path) => path.split('/').filter(Boolean))
  const end = (at: number, count: number) => parts[at]!.slice(-count).join('/')
  return paths.map((path, at) => {
    for (let count = 1; count <= parts[at]!.length; count++) {
      const own = end(at, count)
      if (parts.every((_, other) => paths[other] === path || end(other, count) !== own)) return own
    }
    return path
  })
}
