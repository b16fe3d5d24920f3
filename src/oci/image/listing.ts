/**
 * An OCI layout, for people: which images it holds, what an image is made of, and its history joined with its layers,
 * as `docker history` shows it: newest first, steps that made no layer with size 0, and with whom each layer is shared.
 */
import { StratafsError } from '../../base/failure.js'
import { chainIDs } from '../encoding/digest.js'
import { type Descriptor, type HistoryEntry, type Image, type Layout, REF_NAME } from './layout.js'

export interface ListedImage {
  /** Null for an image that has no name. */
  readonly tag: string | null
  readonly manifest: string
  /** Digest of its configuration, which docker and podman call an image's id; null where it cannot be read. */
  readonly id: string | null
  readonly created: string | null
  readonly platform: string
  readonly layers: number
  /** Of its blobs that are layers. */
  readonly size: number
  /** Of layers that no other image of the layout has. */
  readonly unshared: number
  /** Why it cannot be read; then the other facts are empty. */
  readonly fault?: string
}

export interface HistoryRow {
  /** Of the layer, as stored; null for a step that made none. */
  readonly digest: string | null
  readonly diffID: string | null
  readonly chainID: string | null
  readonly created: string | null
  readonly createdBy: string
  /** Of the blob. */
  readonly size: number
  readonly author: string
  readonly comment: string
  /** Other images of the layout that have the layer. */
  readonly shared: readonly string[]
}

/** What to call an entry. */
function nameOf(entry: Descriptor): string {
  return entry.annotations?.[REF_NAME] ?? entry.digest.slice(0, 19)
}

interface Known {
  readonly entry: Descriptor
  readonly image: Image | null
  readonly fault: string | null
}

function imagesOf(layout: Layout): Known[] {
  return layout.index().manifests.map((entry) => {
    try {
      return { entry, image: layout.imageOf(entry), fault: null }
    } catch (error) {
      if (!(error instanceof StratafsError)) throw error
      return { entry, image: null, fault: error.message }
    }
  })
}

/** Names of the images that have each layer, by its digest. */
function ownersOf(known: readonly Known[]): Map<string, Set<string>> {
  const owners = new Map<string, Set<string>>()
  for (const { entry, image } of known)
    for (const { digest } of image?.manifest.layers ?? [])
      owners.set(digest, (owners.get(digest) ?? new Set()).add(entry.digest))
  return owners
}

/** Every image of the layout, in the index's order. */
export function listImages(layout: Layout): ListedImage[] {
  const known = imagesOf(layout)
  const owners = ownersOf(known)
  return known.map(({ entry, image, fault }) => {
    const layers = image?.manifest.layers ?? []
    const config = image?.config
    return {
      tag: entry.annotations?.[REF_NAME] ?? null,
      manifest: entry.digest,
      id: image?.manifest.config.digest ?? null,
      created: config?.created ?? null,
      platform: config === undefined ? '' : `${config.os}/${config.architecture}`,
      layers: layers.length,
      size: total(layers),
      unshared: total(layers.filter(({ digest }) => owners.get(digest)!.size === 1)),
      ...(fault === null ? {} : { fault }),
    }
  })
}

function total(layers: readonly Descriptor[]): number {
  return layers.reduce((sum, { size }) => sum + size, 0)
}

/** How the image came about, the newest step first. */
export function historyOf(layout: Layout, image: Image): HistoryRow[] {
  const known = imagesOf(layout)
  const { manifest, config } = image
  const chain = chainIDs(config.rootfs.diff_ids)
  const rows: HistoryRow[] = []
  let at = 0
  for (const step of stepsOf(image)) {
    const layer = step.empty_layer === true ? undefined : manifest.layers[at]
    const isLayer = layer !== undefined
    rows.push({
      digest: layer?.digest ?? null,
      diffID: isLayer ? config.rootfs.diff_ids[at]! : null,
      chainID: isLayer ? chain[at]! : null,
      created: step.created ?? null,
      createdBy: step.created_by ?? '',
      size: layer?.size ?? 0,
      author: step.author ?? '',
      comment: step.comment ?? '',
      shared: isLayer ? sharers(known, image, layer.digest) : [],
    })
    if (isLayer) at++
  }
  return rows.reverse()
}

/** The history; layers that it does not tell of stand at its end, without words. */
function stepsOf({ manifest, config }: Image): HistoryEntry[] {
  const history = [...(config.history ?? [])]
  const told = history.filter((step) => step.empty_layer !== true).length
  for (let i = told; i < manifest.layers.length; i++) history.push({})
  return history
}

function sharers(known: readonly Known[], own: Image, digest: string): string[] {
  return known
    .filter(({ entry }) => entry.digest !== own.descriptor.digest)
    .filter(({ image }) => image?.manifest.layers.some((layer) => layer.digest === digest))
    .map(({ entry }) => nameOf(entry))
}

/** One image in full. */
export interface ImageDocument {
  readonly Tag: string | null
  /** Digests of the manifest and of the configuration. */
  readonly Manifest: string
  readonly ConfigDigest: string
  readonly Created: string | null
  readonly Author: string
  readonly Os: string
  readonly Architecture: string
  /** Of its layers' blobs. */
  readonly Size: number
  /** What a container of it runs. */
  readonly Config: Readonly<Record<string, unknown>>
  /** The lowest first. */
  readonly Layers: readonly {
    readonly Digest: string
    readonly DiffID: string
    readonly ChainID: string
    readonly MediaType: string
    readonly Size: number
    /** Its blob is there. */
    readonly Present: boolean
  }[]
  /** The oldest first. */
  readonly History: readonly {
    readonly Created: string | null
    readonly CreatedBy: string
    readonly Author: string
    readonly Comment: string
    /** It made no layer. */
    readonly EmptyLayer: boolean
  }[]
  readonly Annotations: Readonly<Record<string, string>>
}

/** One image in full, as a document. */
export function inspectImage(layout: Layout, image: Image): ImageDocument {
  const { descriptor, manifest, config } = image
  const { diff_ids } = config.rootfs
  const chain = chainIDs(diff_ids)
  return {
    Tag: descriptor.annotations?.[REF_NAME] ?? null,
    Manifest: descriptor.digest,
    ConfigDigest: manifest.config.digest,
    Created: config.created ?? null,
    Author: config.author ?? '',
    Os: config.os,
    Architecture: config.architecture,
    Size: total(manifest.layers),
    Config: config.config ?? {},
    Layers: manifest.layers.map(({ digest, size, mediaType }, i) => ({
      Digest: digest,
      DiffID: diff_ids[i]!,
      ChainID: chain[i]!,
      MediaType: mediaType,
      Size: size,
      Present: layout.hasBlob(digest),
    })),
    History: (config.history ?? []).map(historyStep),
    Annotations: manifest.annotations ?? {},
  }
}

function historyStep(step: HistoryEntry): ImageDocument['History'][number] {
  return {
    Created: step.created ?? null,
    CreatedBy: step.created_by ?? '',
    Author: step.author ?? '',
    Comment: step.comment ?? '',
    EmptyLayer: step.empty_layer === true,
  }
}
