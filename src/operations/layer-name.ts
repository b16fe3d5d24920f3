/** What a layer is called in a mount, for the attribute that tells which one owns a file. Names are latin1. */
import type { Layer } from '../layers/layer-dir.js'
import { shortestEnds } from '../stack/shortest-ends.js'
import type { Union } from '../union/context/union.js'

const known = new WeakMap<Union, readonly string[]>()

/** `upper`, the name that was given at mount, or as the layer's path ends. */
export function layerName(u: Union, layer: Layer): string {
  if (layer.position < 0) return 'upper'
  let names = known.get(u)
  if (names === undefined || names.length !== u.lowers.length) {
    const given = u.config.layerNames ?? []
    names = shortestEnds(u.lowers.map(({ path }) => path)).map((name, at) => given[at] || name)
    known.set(u, names)
  }
  // A layer of data alone is none of these.
  return names[layer.position] ?? layer.path
}
