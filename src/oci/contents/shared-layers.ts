/** The images of a layout by the layers that they share: each layer once, on the one that it stands on. */
import { StratafsError } from '../../base/failure.js'
import type { Layout } from '../image/layout.js'
import { historyOf } from '../image/listing.js'
import { REF_NAME } from '../image/types.js'
import { stepText } from '../store/known-images.js'

export interface SharedLayer {
  readonly digest: string
  readonly diffID: string
  readonly chainID: string
  /** What made it, as its history says. */
  readonly createdBy: string
  /** Of the blob. */
  readonly size: number
  /** Of all files in it; null while it is not known. */
  readonly uncompressed: number | null
  /** Names of the images whose topmost layer it is. */
  readonly images: readonly string[]
  readonly children: readonly SharedLayer[]
}

type Growing = SharedLayer & { images: string[]; children: Growing[] }

/** The lowest layers, in the index's order, and the names of images that cannot be read with the reason. */
export function sharedLayers(layout: Layout): { roots: SharedLayer[]; faults: { name: string; words: string }[] } {
  const roots: Growing[] = []
  const faults: { name: string; words: string }[] = []
  for (const entry of layout.index().manifests) {
    const tag = entry.annotations?.[REF_NAME] ?? null
    const name = tag ?? entry.digest.slice(0, 19)
    try {
      addImage(roots, name, historyOf(layout, layout.imageOf(entry), false).reverse())
    } catch (error) {
      if (!(error instanceof StratafsError)) throw error
      faults.push({ name, words: error.message })
    }
  }
  return { roots, faults }
}

function addImage(roots: Growing[], name: string, steps: ReturnType<typeof historyOf>): void {
  let siblings = roots
  let top: Growing | null = null
  for (const { digest, diffID, chainID, createdBy, size, uncompressed } of steps) {
    if (digest === null || diffID === null || chainID === null) continue
    let layer = siblings.find((each) => each.chainID === chainID)
    if (layer === undefined) {
      const words = stepText(createdBy)
      layer = { digest, diffID, chainID, createdBy: words, size, uncompressed, images: [], children: [] }
      siblings.push(layer)
    }
    top = layer
    siblings = layer.children
  }
  top?.images.push(name)
}
