/** Counts how large layers are unpacked, each once (oci/image/sizes.ts keeps it). */

import type { StoredLayer } from '../store/images.js'
import { type Reading, readLayers } from './read-layers.js'

/** Bytes of all files in each of `layers`, by the digest of its blob; holes do not count. Throws StratafsError. */
export async function countLayers(layers: readonly StoredLayer[], reading: Reading): Promise<Map<string, number>> {
  const sizes = new Map<string, number>()
  await readLayers(
    layers,
    0,
    (position) => {
      const { digest } = layers[position]!
      sizes.set(digest, 0)
      const data = (bytes: Buffer) => void sizes.set(digest, sizes.get(digest)! + bytes.length)
      return { entry: () => {}, data, end: () => {} }
    },
    reading,
  )
  return sizes
}
