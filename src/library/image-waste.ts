/** The library's function that tells what an image carries and does not show, by step, and what a mend would save. */
import { shown } from '../base/text.js'
import { findWaste, type How, type Waste } from '../oci/contents/waste.js'
import { Layout } from '../oci/image/layout.js'
import { keepSizes } from '../oci/image/sizes.js'
import type { StoredImage } from '../oci/store/images.js'
import { stepText } from '../oci/store/known-images.js'
import { type ReadOptions, readingOf, withOpen } from './image-contents.js'
import type { Path } from './paths.js'

/** One layer: layers count from 1, the lowest. Sizes are bytes of files. */
export interface WasteOfLayer {
  readonly layer: number
  readonly digest: string
  /** What made it. */
  readonly createdBy: string
  /** Of its blob. */
  readonly size: number
  readonly bytes: number
  readonly files: number
  /** What later layers hide of it. */
  readonly hidden: number
  /** What it hides of others. */
  readonly hides: number
}

/** What a path of layer `by` hides in `layer`; of a tree that goes its top is named. */
export interface WasteOfPath {
  readonly path: string
  readonly how: How
  readonly layer: number
  readonly by: number
  readonly bytes: number
  readonly files: number
}

/** What could be done otherwise: all that `by` hides of `layer` in one way. */
export interface WasteFix {
  readonly how: How
  readonly layer: number
  readonly by: number
  /** What to do. */
  readonly advice: string
  /** Bytes of files that the image would be smaller by, and about how many of its blobs. */
  readonly bytes: number
  readonly compressed: number
  readonly files: number
}

export interface ImageWaste {
  /** Bytes that show, of all bytes in the layers: 1 where nothing is hidden. */
  readonly efficiency: number
  /** Of all files in the layers; and of those that are hidden, with about how much of the blobs that is. */
  readonly bytes: number
  readonly wasted: number
  readonly compressed: number
  /** The lowest first. */
  readonly layers: readonly WasteOfLayer[]
  /** The largest first. */
  readonly paths: readonly WasteOfPath[]
  /** The one that saves most first. */
  readonly fixes: readonly WasteFix[]
}

/** What `image` (LAYOUT:TAG) carries in its layers and does not show. */
export function imageWaste(image: Path, options: ReadOptions = {}): Promise<ImageWaste> {
  return withOpen(image, options, async (found) => {
    const waste = await findWaste(found.layers, readingOf(options))
    const layout = Layout.open(found.reference.layout)
    const sizes = new Map(found.layers.map(({ digest }, i) => [digest, waste.layers[i]!.bytes]))
    keepSizes(layout.directory, sizes, (digest) => layout.hasBlob(digest))
    return documentOf(layersOf(found, waste), waste)
  })
}

function layersOf({ layers, config }: StoredImage, waste: Waste): WasteOfLayer[] {
  const steps = (config.history ?? []).filter((step) => step.empty_layer !== true)
  return layers.map(({ digest, size }, i) => {
    const createdBy = stepText(steps[i]?.created_by ?? '')
    return { layer: i + 1, digest, createdBy, size, ...waste.layers[i]! }
  })
}

function documentOf(layers: readonly WasteOfLayer[], { paths }: Waste): ImageWaste {
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)
  const bytes = sum(layers.map((layer) => layer.bytes))
  const wasted = sum(layers.map(({ hidden }) => hidden))
  const fixes = fixesOf(paths, layers)
  return {
    efficiency: bytes === 0 ? 1 : (bytes - wasted) / bytes,
    bytes,
    wasted,
    compressed: sum(fixes.map(({ compressed }) => compressed)),
    layers,
    paths: paths.map((path) => ({ ...path, path: shown(path.path) })),
    fixes,
  }
}

function fixesOf(paths: Waste['paths'], layers: readonly WasteOfLayer[]): WasteFix[] {
  const fixes = new Map<string, WasteFix & { bytes: number; compressed: number; files: number }>()
  for (const { how, layer, by, bytes, files } of paths) {
    const key = `${how} ${layer} ${by}`
    const fresh = { how, layer, by, advice: ADVICE[how](layer, by), bytes: 0, compressed: 0, files: 0 }
    const fix = fixes.get(key) ?? fresh
    const holder = layers[layer - 1]!
    fix.bytes += bytes
    fix.files += files
    // Nobody knows what one file takes in a compressed stream: as much as all others of its layer.
    if (holder.bytes > 0) fix.compressed = Math.round(holder.size * Math.min(1, fix.bytes / holder.bytes))
    fixes.set(key, fix)
  }
  return [...fixes.values()].filter((fix) => fix.bytes > 0).sort((a, b) => b.bytes - a.bytes)
}

const ADVICE: Readonly<Record<How, (layer: number, by: number) => string>> = {
  deleted: (layer, by) =>
    layer === by
      ? `leave out of layer ${layer} what it deletes itself`
      : `delete in the step of layer ${layer} what layer ${by} deletes, or do not make it`,
  overwritten: (layer, by) =>
    layer === by
      ? `write each file of layer ${layer} once`
      : `make layers ${layer} and ${by} in one step, or leave out of layer ${layer} what layer ${by} writes again`,
  repeated: (layer, by) => `leave out of layer ${by} what layer ${layer} has already`,
  attributes: (layer, by) =>
    `give owner and mode in the step of layer ${layer} (COPY --chown, --chmod): layer ${by} changes nothing else`,
}
