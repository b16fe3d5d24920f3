/**
 * The library's functions that read an OCI layout: its images, how one came about, what it is; and how an image is
 * named.
 */
import { type Image, Layout } from '../oci/image/layout.js'
import {
  inspectImage as documentOf,
  type HistoryRow,
  historyOf,
  type ImageDocument,
  listImages as imagesIn,
  type ListedImage,
} from '../oci/image/listing.js'
import { choose, parseNewReference, parseReference, type Reference } from '../oci/store/images.js'
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

/** The images of the OCI layout `layout`, in its order. One that cannot be read has `fault`. */
export async function listImages(layout: Path): Promise<ListedImage[]> {
  return imagesIn(Layout.open(resolved(layout)))
}

/** How `image` (LAYOUT:TAG) came about, the newest step first. */
export async function imageHistory(image: Path): Promise<HistoryRow[]> {
  const { layout, found } = open(image)
  return historyOf(layout, found)
}

/** `image` (LAYOUT:TAG) in full: configuration, layers, history. */
export async function inspectImage(image: Path): Promise<ImageDocument> {
  const { layout, found } = open(image)
  return documentOf(layout, found)
}

function open(image: Path): { layout: Layout; found: Image } {
  const reference = referenceOf(image)
  const layout = Layout.open(reference.layout)
  return { layout, found: layout.imageOf(choose(reference, layout.index().manifests)) }
}
