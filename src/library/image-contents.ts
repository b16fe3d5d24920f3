/**
 * The library's functions that look into images without unpacking them: what is different between two, which layers
 * they share, and what one carries without showing it. Layers are read as streams.
 */
import { statSync } from 'node:fs'
import { StratafsError } from '../base/failure.js'
import { pathBytes, shown } from '../base/text.js'
import { compareTrees, type TreeChange } from '../oci/contents/compare.js'
import { directoryTree } from '../oci/contents/directory-tree.js'
import { ImageTree } from '../oci/contents/image-tree.js'
import { LayerSink } from '../oci/contents/layer-sink.js'
import type { Node } from '../oci/contents/node.js'
import { type Reading, readArchive, readLayers } from '../oci/contents/read-layers.js'
import { type SharedLayer, sharedLayers } from '../oci/contents/shared-layers.js'
import { Layout } from '../oci/image/layout.js'
import { parsePlatform } from '../oci/image/platform.js'
import { type StoredImage, type StoredLayer, withImage } from '../oci/store/images.js'
import { type PlatformOptions, referenceOf } from './image-documents.js'
import type { LayerInWork, StoreOptions } from './image-store.js'
import { absolute, type Path, resolved, toBytes } from './paths.js'

export type { SharedLayer } from '../oci/contents/shared-layers.js'

/** One difference; the path is text, from the root. */
export type ImageChange = TreeChange

export interface ReadOptions extends PlatformOptions, Pick<StoreOptions, 'signal' | 'notice'> {
  /** Called as a layer is read: bytes of its blob, and how many there are. */
  readonly progress?: ((layer: LayerInWork, read: number, total: number | null) => void) | undefined
}

/** With what an image is compared. */
export type Other = Path | { readonly layer: number }

/**
 * What is different in `other`. It is another image (LAYOUT:TAG), a directory (a mount, a root filesystem), a layer's
 * archive, which is put on `image`; or a layer of `image` itself, counted from 1, the lowest: what it changed.
 */
export async function diffImages(image: Path, other: Other, options: ReadOptions = {}): Promise<ImageChange[]> {
  const changes = await withOpen(image, options, (first) => differences(first, other, options))
  return changes.map((change) => ({ ...change, path: shown(change.path) }))
}

async function differences(image: StoredImage, other: Other, options: ReadOptions): Promise<ImageChange[]> {
  if (typeof other !== 'string' && !Buffer.isBuffer(other)) return ofLayer(image, other.layer, options)
  const kind = kindOf(other)
  if (kind === 'image') return withOpen(other, options, (second) => ofImages(image, second, options))
  const tree = new ImageTree()
  await fill(tree, image.layers, 0, options)
  if (kind === 'directory') return compareTrees(tree.root, directoryTree(resolved(other)))
  const changed = tree.fork()
  const { begins } = readingOf({ ...options, signal: undefined })
  const layer = { digest: toBytes(other) } as StoredLayer
  const sink = new LayerSink(changed, image.layers.length, true)
  await readArchive(
    absolute(other),
    sink,
    false,
    begins?.(layer, image.layers.length, image.layers.length + 1),
    options.signal,
  )
  return compareTrees(tree.root, changed.root)
}

async function ofLayer({ layers }: StoredImage, layer: number, options: ReadOptions): Promise<ImageChange[]> {
  if (!Number.isInteger(layer) || layer < 1 || layer > layers.length)
    throw new StratafsError(`there is no layer ${layer}: give a number from 1 to ${layers.length}`, 'INVALID_ARGUMENT')
  const tree = new ImageTree()
  await fill(tree, layers.slice(0, layer - 1), 0, options)
  const changed = tree.fork()
  await fill(changed, layers.slice(0, layer), layer - 1, options)
  return compareTrees(tree.root, changed.root)
}

/** The lowest layers that both have are read once. */
async function ofImages(a: StoredImage, b: StoredImage, options: ReadOptions): Promise<ImageChange[]> {
  const differs = a.layers.findIndex(({ diffID }, i) => b.layers[i]?.diffID !== diffID)
  const shared = differs < 0 ? a.layers.length : differs
  const first = new ImageTree()
  await fill(first, a.layers.slice(0, shared), 0, options)
  const second = first.fork()
  await fill(first, a.layers, shared, options)
  await fill(second, b.layers, shared, options)
  return compareTrees(first.root, second.root)
}

async function fill(
  tree: ImageTree,
  layers: readonly StoredLayer[],
  from: number,
  options: ReadOptions,
): Promise<Node> {
  await readLayers(layers, from, (position) => new LayerSink(tree, position, true), readingOf(options))
  return tree.root
}

/** What a path is that somebody compares an image with. */
function kindOf(path: Path): 'image' | 'directory' | 'archive' {
  const stat = statSync(pathBytes(absolute(path)), { throwIfNoEntry: false })
  if (stat?.isDirectory() !== true) return stat === undefined ? 'image' : 'archive'
  const isLayout = statSync(pathBytes(`${absolute(path)}/oci-layout`), { throwIfNoEntry: false }) !== undefined
  return isLayout ? 'image' : 'directory'
}

/** Runs `work` with the image, none of whose blobs can be removed meanwhile. */
export function withOpen<T>(
  image: Path,
  { platform, signal, notice: waits }: ReadOptions,
  work: (image: StoredImage) => Promise<T>,
): Promise<T> {
  const wanted = platform === undefined ? null : parsePlatform(platform)
  return withImage(referenceOf(image), { waits, signal, platform: wanted }, work)
}

export function readingOf({ progress, signal }: ReadOptions): Reading {
  return {
    signal,
    begins:
      ({ digest }, position, count) =>
      (read, total) =>
        progress?.({ digest, position, count }, read, total),
  }
}

export interface ImageTreeDocument {
  /** The lowest layers. */
  readonly layers: readonly SharedLayer[]
  /** Images that cannot be read, and why. */
  readonly faults: readonly { readonly name: string; readonly words: string }[]
}

/** The images of the OCI layout `layout` by the layers that they share. */
export async function imageTree(layout: Path): Promise<ImageTreeDocument> {
  const { roots, faults } = sharedLayers(Layout.open(resolved(layout)))
  return { layers: roots, faults }
}
