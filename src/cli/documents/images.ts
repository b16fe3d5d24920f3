/** What the commands about images and their store print with `--json`. An `image` is LAYOUT:TAG. */
import type { ImageCheck } from '../../explore/check.js'
import type { ImageChange, SharedLayer, ImageTreeDocument as Tree } from '../../library/image-contents.js'
import type { HistoryRow, ImageDocument, ListedImage } from '../../library/image-documents.js'
import type { Imported, LoadedImage } from '../../library/image-import.js'
import type { PresentLayer, Removal } from '../../library/image-store.js'
import type { ImageWaste } from '../../library/image-waste.js'
import type { Layer } from './layer.js'

export interface ImageListDocument {
  readonly schemaVersion: 1
  readonly layout: string
  /** In the layout's order. */
  readonly images: readonly ImageOfLayout[]
}

export interface ImageOfLayout extends Omit<ListedImage, 'layers' | 'fault'> {
  readonly layerCount: number
  /** Why it cannot be read, and the other facts are empty; null where it can. */
  readonly fault: string | null
}

export interface ImageDiffDocument {
  readonly schemaVersion: 1
  /** As it was given. */
  readonly image: string
  readonly changes: readonly ImageChange[]
}

export interface ImageTreeDocument {
  readonly schemaVersion: 1
  readonly layout: string
  /** Those at the bottom; what stands on them is in `children`. */
  readonly layers: readonly SharedLayer[]
  /** Images that cannot be read. */
  readonly faults: Tree['faults']
}

export interface ImageWasteDocument extends ImageWaste {
  readonly schemaVersion: 1
  /** As it was given. */
  readonly image: string
}

export interface ImageCheckDocument extends ImageCheck {
  readonly schemaVersion: 1
}

export interface ExploreDocument {
  readonly schemaVersion: 1
  /** As the page's links have it: `tree?path=/usr`. */
  readonly view: string
  /** What the page gets for it; each view has a shape of its own, which may change (docs/explore.md). */
  readonly result: unknown
}

export interface ImageLoadDocument {
  readonly schemaVersion: 1
  readonly layout: string
  readonly images: readonly LoadedImage[]
}

export interface ImageHistoryDocument {
  readonly schemaVersion: 1
  /** As it was given. */
  readonly image: string
  /** The newest first. */
  readonly steps: readonly ImageStep[]
}

export interface ImageStep extends Omit<HistoryRow, 'shared'> {
  /** Other images of the layout that have the layer. */
  readonly sharedWith: HistoryRow['shared']
}

/** As docker image inspect: an array of one document for each image that was asked about. */
export type ImageInspectDocuments = readonly InspectedImage[]

export interface InspectedImage extends ImageDocument {
  readonly SchemaVersion: 1
}

export interface ImageImportDocument extends Omit<Imported, 'reference'> {
  readonly schemaVersion: 1
  readonly image: string
}

export interface ImageUnpackDocument {
  readonly schemaVersion: 1
  readonly image: string
  /** Digest of the manifest. */
  readonly manifest: string
  readonly store: string
  /** The layers as the mount option `lowerdir=` takes them. */
  readonly lowerdir: string
  /** Top first. */
  readonly layers: readonly UnpackedLayer[]
}

export interface UnpackedLayer extends Omit<PresentLayer, 'path'> {
  readonly layer: Layer
}

export interface ImageMountDocument {
  readonly schemaVersion: 1
  readonly mountpoint: string
  /** Of the daemon that serves it. */
  readonly pid: number
  readonly image: string
  /** Digest of the manifest. */
  readonly manifest: string
  /** Top first, the upper among them. */
  readonly layers: readonly Layer[]
}

export interface ImageRmDocument {
  readonly schemaVersion: 1
  readonly removed: readonly RemovedImage[]
}

export interface RemovedImage extends Omit<Removal, 'reference' | 'layers'> {
  readonly image: string
  /** Names of the unpacked layers that were removed from the store. */
  readonly unpacked: Removal['layers']
}

export interface StoreListDocument {
  readonly schemaVersion: 1
  /** Layers first. */
  readonly pieces: readonly PieceOfStore[]
}

export interface StorePruneDocument {
  readonly schemaVersion: 1
  /** The pieces would be removed, and are still there. */
  readonly dryRun: boolean
  /** What was removed. */
  readonly pieces: readonly PieceOfStore[]
}

export interface PieceOfStore {
  readonly kind: 'layer' | 'upper'
  /** Of its directory. */
  readonly name: string
  readonly path: string
  /** On disk. */
  readonly bytes: number
  /** ISO time of the last change at its top. */
  readonly changed: string
  /** A mount uses it. */
  readonly inUse: boolean
  /** The images that have it. */
  readonly images: readonly string[]
}
