/**
 * The library's functions that read an OCI layout: its images, how one came about, what it is; and how an image is
 * named.
 */

import { StratafsError } from '../base/failure.js'
import { fromText } from '../base/text.js'
import { countLayers } from '../oci/contents/count.js'
import { filtered } from '../oci/image/filters.js'
import { type Image, Layout } from '../oci/image/layout.js'
import {
  inspectImage as documentOf,
  type HistoryRow,
  historyOf,
  type ImageDocument,
  listImages as imagesIn,
  type ListedImage,
} from '../oci/image/listing.js'
import { keepSizes, knownSizes } from '../oci/image/sizes.js'
import { holding } from '../oci/store/hold.js'
import {
  choose,
  parseNewReference,
  parseReference,
  type Reference,
  readImage,
  type StoredLayer,
} from '../oci/store/images.js'
import { defaultStore, findUnpacked } from '../oci/store/store.js'
import { type Path, resolved, toBytes } from './paths.js'

export type { HistoryRow, ImageDocument, ListedImage } from '../oci/image/listing.js'

/** Of an image for several platforms. */
export interface PlatformOptions {
  /** `linux/arm64`, `linux/amd64/v3`; where not given this machine’s. */
  readonly platform?: string | undefined
}

const fromBytes = (path: string): string => resolved(Buffer.from(path, 'latin1'))

/** What `image` (LAYOUT:TAG, or LAYOUT where it holds one image) names. Throws StratafsError where it is not there. */
export function referenceOf(image: Path): Reference {
  return parseReference(toBytes(image), fromBytes)
}

/** The same for an image that is to be made. */
export function newReferenceOf(image: Path): Reference & { readonly tag: string } {
  return parseNewReference(toBytes(image), fromBytes)
}

/**
 * The images of the OCI layout `layout`, in its order. One that cannot be read has `fault`. How large one is unpacked
 * (`uncompressed`) is known of what stratafs wrote, and of what was counted (`countImages`).
 */
export async function listImages(layout: Path): Promise<ListedImage[]> {
  return imagesIn(Layout.open(resolved(layout)))
}

/**
 * Those of `images` that all `filters` let through, the newest first. A filter is `KEY=VALUE` as `docker images` has
 * it: dangling, label, before, since, until, reference. Throws StratafsError for one that makes no sense.
 */
export function filterImages(images: readonly ListedImage[], filters: readonly string[]): ListedImage[] {
  const timeOf = ({ created }: ListedImage) => Date.parse(created ?? '') || 0
  return filtered(images, filters).sort((a, b) => timeOf(b) - timeOf(a))
}

export interface CountOptions {
  readonly signal?: AbortSignal | undefined
  /** Called as a layer is read: bytes of its blob, and how many there are. */
  readonly progress?: ((read: number, total: number | null) => void) | undefined
}

/**
 * Reads each layer of the OCI layout `layout` once whose uncompressed size is not known yet, and keeps the sizes in the
 * layout. False: they cannot be kept there. What cannot be read stays unknown.
 */
export async function countImages(layout: Path, options: CountOptions = {}): Promise<boolean> {
  const opened = Layout.open(resolved(layout))
  const missing = uncounted(opened)
  if (missing.length === 0) return true
  return holding(opened, { signal: options.signal }, () => countThem(opened, missing, options))
}

async function countThem(layout: Layout, missing: readonly StoredLayer[], options: CountOptions): Promise<boolean> {
  const { signal, progress = () => {} } = options
  const reading = { signal, begins: () => progress }
  const sizes = new Map<string, number>()
  for (const layer of missing) {
    try {
      for (const [digest, size] of await countLayers([layer], reading)) sizes.set(digest, size)
    } catch (error) {
      if (!(error instanceof StratafsError)) throw error
    }
  }
  return keepSizes(layout.directory, sizes, (digest) => layout.hasBlob(digest))
}

function uncounted(layout: Layout): StoredLayer[] {
  const known = knownSizes(layout.directory)
  const missing = new Map<string, StoredLayer>()
  for (const { tag, manifest } of imagesIn(layout)) {
    const layers = attempt(() => readImage({ layout: layout.directory, tag: fromText(tag ?? manifest) }).layers)
    for (const layer of layers ?? []) if (!known.has(layer.digest)) missing.set(layer.digest, layer)
  }
  return [...missing.values()].filter(({ digest }) => layout.hasBlob(digest))
}

function attempt<T>(work: () => T): T | null {
  try {
    return work()
  } catch (error) {
    if (error instanceof StratafsError) return null
    throw error
  }
}

/** How `image` (LAYOUT:TAG) came about, the newest step first. */
export async function imageHistory(image: Path): Promise<HistoryRow[]> {
  const { layout, found } = open(image)
  return historyOf(layout, found)
}

/**
 * `image` (LAYOUT:TAG) in full: configuration, layers, history, and where its layers lie unpacked in `store`, or in
 * this user's.
 */
export async function inspectImage(image: Path, options: { readonly store?: Path } = {}): Promise<ImageDocument> {
  const { layout, found } = open(image)
  const store = resolved(options.store ?? Buffer.from(defaultStore(), 'latin1'))
  return documentOf(layout, found, (layer) => findUnpacked(store, layer))
}

function open(image: Path): { layout: Layout; found: Image } {
  const reference = referenceOf(image)
  const layout = Layout.open(reference.layout)
  return { layout, found: layout.imageOf(choose(reference, layout.index().manifests)) }
}
