/**
 * An OCI layout, for people: which images it holds, what an image is made of, and its history joined with its layers,
 * as `docker history` shows it: newest first, steps that made no layer with size 0, and with whom each layer is shared.
 */
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import { chainIDs } from '../encoding/digest.js'
import { type Descriptor, type HistoryEntry, type Image, type ImageConfig, type Layout, REF_NAME } from './layout.js'
import { knownSizes } from './sizes.js'

export interface ListedImage {
  /** Null for an image that has no name. */
  readonly tag: string | null
  /** The tag as docker tells it: of `localhost/app:1` its two parts, of `app` the layout's name and `app`. */
  readonly repository: string | null
  readonly shortTag: string | null
  readonly manifest: string
  /** Digest of its configuration, which docker and podman call an image's id; null where it cannot be read. */
  readonly id: string | null
  readonly created: string | null
  readonly platform: string
  readonly layers: number
  /** Of its blobs that are layers. */
  readonly size: number
  /** Of all files in its layers; null while it is not known. */
  readonly uncompressed: number | null
  /** Of layers that no other image of the layout has. */
  readonly unshared: number
  readonly labels: Readonly<Record<string, string>>
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
  /** Of all files in the layer; null while it is not known. */
  readonly uncompressed: number | null
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
  const sizes = knownSizes(layout.directory)
  return known.map(({ entry, image, fault }) => {
    const layers = image?.manifest.layers ?? []
    const config = image?.config
    const tag = entry.annotations?.[REF_NAME] ?? null
    const name = repositoryOf(layout, tag)
    return {
      tag,
      repository: name?.repository ?? null,
      shortTag: name?.tag ?? null,
      manifest: entry.digest,
      id: image?.manifest.config.digest ?? null,
      created: config?.created ?? null,
      platform: config === undefined ? '' : `${config.os}/${config.architecture}`,
      layers: layers.length,
      size: total(layers),
      uncompressed: uncompressedOf(layers, sizes),
      labels: labelsOf(config),
      unshared: total(layers.filter(({ digest }) => owners.get(digest)!.size === 1)),
      ...(fault === null ? {} : { fault }),
    }
  })
}

function labelsOf(config: ImageConfig | undefined): Readonly<Record<string, string>> {
  const labels = Object(config?.config?.Labels) as Record<string, unknown>
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, String(value)]))
}

function uncompressedOf(layers: readonly Descriptor[], sizes: ReadonlyMap<string, number>): number | null {
  const each = layers.map(({ digest }) => sizes.get(digest) ?? null)
  return each.reduce<number | null>((sum, size) => (sum === null || size === null ? null : sum + size), 0)
}

function total(layers: readonly Descriptor[]): number {
  return layers.reduce((sum, { size }) => sum + size, 0)
}

/**
 * How the image came about, the newest step first. `others`: also which other images have each layer, for which all
 * are read.
 */
export function historyOf(layout: Layout, image: Image, others = true): HistoryRow[] {
  const known = others ? imagesOf(layout) : []
  const sizes = knownSizes(layout.directory)
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
      uncompressed: isLayer ? (sizes.get(layer.digest) ?? null) : 0,
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

/** The topmost layer's directory, and those below it, parted by colons; '' where there are none. */
interface UnpackedDirectories {
  readonly UpperDir: string
  readonly LowerDir: string
}

/** Whether a layer lies unpacked, and where; latin1. */
type FindUnpacked = (layer: { readonly diffID: string; readonly chainID: string }) => string | null

/** One image in full. */
export interface ImageDocument {
  /** Digest of its configuration, as docker and podman name it. */
  readonly Id: string
  /** `NAME:TAG`; none of an image without a name. */
  readonly RepoTags: readonly string[]
  readonly RepoDigests: readonly string[]
  readonly Comment: string
  readonly Variant: string
  /** Digests of its layers' content, the lowest first. */
  readonly RootFS: { readonly Type: 'layers'; readonly Layers: readonly string[] }
  /** Where its layers lie unpacked; `Data` is null where not all do. */
  readonly GraphDriver: { readonly Name: 'stratafs'; readonly Data: UnpackedDirectories | null }
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
  /** Of all files in its layers; null while it is not known. */
  readonly UncompressedSize: number | null
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
export function inspectImage(layout: Layout, image: Image, find: FindUnpacked = () => null): ImageDocument {
  const { descriptor, manifest, config } = image
  const { diff_ids } = config.rootfs
  const chain = chainIDs(diff_ids)
  const name = repositoryOf(layout, descriptor.annotations?.[REF_NAME] ?? null)
  return {
    Id: manifest.config.digest,
    RepoTags: name === null ? [] : [`${name.repository}:${name.tag}`],
    RepoDigests: name === null ? [] : [`${name.repository}@${descriptor.digest}`],
    Comment: config.history?.at(-1)?.comment ?? '',
    Variant: config.variant ?? '',
    RootFS: { Type: 'layers', Layers: diff_ids },
    GraphDriver: { Name: 'stratafs', Data: unpackedIn(diff_ids, chain, find) },
    Tag: descriptor.annotations?.[REF_NAME] ?? null,
    Manifest: descriptor.digest,
    ConfigDigest: manifest.config.digest,
    Created: config.created ?? null,
    Author: config.author ?? '',
    Os: config.os,
    Architecture: config.architecture,
    Size: total(manifest.layers),
    UncompressedSize: uncompressedOf(manifest.layers, knownSizes(layout.directory)),
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

function unpackedIn(
  diffIDs: readonly string[],
  chain: readonly string[],
  find: FindUnpacked,
): UnpackedDirectories | null {
  const paths = diffIDs.map((diffID, i) => find({ diffID, chainID: chain[i]! })).reverse()
  const [top, ...below] = paths.map((path) => (path === null ? null : shown(path)))
  if (top === undefined || paths.includes(null)) return null
  return { UpperDir: top!, LowerDir: below.join(':') }
}

/**
 * A tag as a repository and a tag, as docker has them: of a name with both its own; else the layout's last name is the
 * repository. Null where there is no name.
 */
function repositoryOf(layout: Layout, tag: string | null): { repository: string; tag: string } | null {
  if (tag === null) return null
  const [, repository, own] = /^(.+):([^:/]+)$/s.exec(tag) ?? []
  if (repository !== undefined && own !== undefined) return { repository, tag: own }
  if (tag.includes('/')) return { repository: tag, tag: 'latest' }
  return { repository: shown(layout.directory.slice(layout.directory.lastIndexOf('/') + 1)), tag }
}
