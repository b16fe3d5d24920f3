/**
 * A layer becomes an image's topmost: the image that is called by the tag, or another of the layout, gets one layer,
 * one line of history and a new manifest; what was there stays as it was until the index names the new one. The rest of
 * the image's configuration (what a container of it runs) is kept.
 */
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import type { Compression } from '../encoding/compression.js'
import { chainIDs } from '../encoding/digest.js'
import { changed } from '../image/config-change.js'
import {
  asOciType,
  type Descriptor,
  type HistoryEntry,
  type Image,
  type ImageConfig,
  type Layout,
  layerType,
  type Manifest,
  MediaType,
  ownArchitecture,
} from '../image/layout.js'
import { keepSizes } from '../image/sizes.js'
import { choose } from '../store/images.js'
import type { Archive } from './archive.js'

export interface ImageWords {
  readonly author?: string | undefined
  readonly comment?: string | undefined
  readonly createdBy: string
  /** What a container of it runs from now on (config-change.ts). */
  readonly changes?: readonly string[] | undefined
  /** RFC 3339. */
  readonly created: string
}

export interface CommittedImage {
  /** Of the manifest. */
  readonly manifest: string
  readonly chainID: string
  readonly layers: number
}

/**
 * The image that a layer is put upon: `base` (`none`: nothing), else the one that has the tag already. Throws
 * StratafsError where that is nothing, since a layer of changes alone is seldom what is meant.
 */
export function baseImage(layout: Layout, tag: string, base: string | undefined): Image | null {
  if (base === 'none') return null
  if (base !== undefined) {
    const reference = { layout: layout.directory, tag: base }
    return layout.imageOf(choose(reference, layout.index().manifests))
  }
  if (layout.find(tag) !== null) return layout.image(tag)
  const tags = layout.tags()
  const there = tags.length === 0 ? 'it holds no images' : `there are ${tags.join(', ')}`
  throw new StratafsError(
    `${shown(layout.directory)} has no image ${tag} to add the layer to`,
    'NOT_FOUND',
    `name the one it was made upon with --base (${there}), or --base none for an image of this layer alone`,
  )
}

/** Writes the documents of `base` with one more layer, and tags them. Throws StratafsError. */
export function putLayer(
  layout: Layout,
  tag: string,
  base: Image | null,
  archive: Archive,
  compression: Compression,
  words: ImageWords,
): CommittedImage {
  const layer: Descriptor = { mediaType: layerType(compression), digest: archive.digest, size: archive.size }
  const config = configWith(base?.config ?? null, archive.diffID, words)
  const manifest: Omit<Manifest, 'config'> = {
    ...(base?.manifest ?? {}),
    schemaVersion: 2,
    layers: [...(base?.manifest.layers ?? []).map(inOci), layer],
  }
  const { digest } = layout.putImage(tag, manifest, config)
  keepSizes(layout.directory, new Map([[archive.digest, archive.bytes]]), (each) => layout.hasBlob(each))
  const { diff_ids } = config.rootfs
  return { manifest: digest, chainID: chainIDs(diff_ids).at(-1)!, layers: diff_ids.length }
}

/** The image's config, upon no layers: for one layer that holds everything. */
export function withoutLayers(image: Image): Image {
  const config = { ...image.config, rootfs: { type: 'layers' as const, diff_ids: [] }, history: [] }
  return { ...image, manifest: { ...image.manifest, layers: [] }, config }
}

function inOci(layer: Descriptor): Descriptor {
  return { ...layer, mediaType: asOciType(layer.mediaType ?? MediaType.LAYER) }
}

function configWith(base: ImageConfig | null, diffID: string, words: ImageWords): ImageConfig {
  const { created, author, comment } = words
  const step: HistoryEntry = {
    created,
    created_by: words.createdBy,
    ...(author === undefined ? {} : { author }),
    ...(comment === undefined ? {} : { comment }),
  }
  const below: ImageConfig = base ?? {
    architecture: ownArchitecture(),
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: [] },
  }
  return {
    ...changed(below, words.changes ?? []),
    created,
    ...(author === undefined ? {} : { author }),
    rootfs: { type: 'layers', diff_ids: [...below.rootfs.diff_ids, diffID] },
    history: [...knownHistory(below), step],
  }
}

/** One line for each layer below at least: a base without history would make the new line speak of the wrong layer. */
function knownHistory(config: ImageConfig): readonly HistoryEntry[] {
  const history = config.history ?? []
  const told = history.filter((entry) => entry.empty_layer !== true).length
  const untold = Math.max(0, config.rootfs.diff_ids.length - told)
  return [...Array.from({ length: untold }, () => ({ created_by: 'unknown' })), ...history]
}

/**
 * Layers in a store are named by what they are: those below the upper have to be the base's, or the image would show a
 * tree that nobody has seen. Directories of other names cannot be compared. Throws StratafsError. `lowers`: top first,
 * latin1.
 */
export function checkBelow(lowers: readonly string[], base: Image | null, tag: string): void {
  const names = lowers.map((path) => path.slice(path.lastIndexOf('/') + 1)).reverse()
  if (!names.every((name) => /^(chain-)?sha256-[0-9a-f]{64}$/.test(name))) return
  const { diff_ids } = base?.config.rootfs ?? { diff_ids: [] }
  const chain = chainIDs(diff_ids)
  if (
    canBe(
      names,
      diff_ids.map((each, at) => [each.replace(':', '-'), `chain-${chain[at]!.replace(':', '-')}`]),
    )
  )
    return
  const image = base === null ? 'an empty image' : `image ${tag}`
  throw new StratafsError(
    `the mount's ${names.length} layers are not those of ${image}`,
    'INVALID_ARGUMENT',
    'name the image it was mounted from with --base, or take everything as one layer with --squash',
  )
}

/**
 * Whether `names` are the layers whose possible names are `wanted`. A layer that is there twice is mounted once, the
 * upper one.
 */
function canBe(names: readonly string[], wanted: readonly (readonly string[])[]): boolean {
  let at = names.length - 1
  for (const possible of [...wanted].reverse()) {
    if (at >= 0 && possible.includes(names[at]!)) at--
    else if (!possible.some((name) => names.includes(name, at + 1))) return false
  }
  return at < 0
}
