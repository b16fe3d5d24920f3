/**
 * The documents of an OCI image, as far as they are read or written here: names are the specification's own
 * (descriptor.md, manifest.md, image-index.md, config.md). Fields that are not known are kept when an image is written
 * again.
 */

export const MediaType = {
  MANIFEST: 'application/vnd.oci.image.manifest.v1+json',
  INDEX: 'application/vnd.oci.image.index.v1+json',
  CONFIG: 'application/vnd.oci.image.config.v1+json',
  LAYER: 'application/vnd.oci.image.layer.v1.tar',
  DOCKER_MANIFEST: 'application/vnd.docker.distribution.manifest.v2+json',
  DOCKER_INDEX: 'application/vnd.docker.distribution.manifest.list.v2+json',
  DOCKER_CONFIG: 'application/vnd.docker.container.image.v1+json',
  DOCKER_LAYER: 'application/vnd.docker.image.rootfs.diff.tar',
} as const

/** The annotation that holds an image's tag in index.json. */
export const REF_NAME = 'org.opencontainers.image.ref.name'

export interface Platform {
  readonly architecture: string
  readonly os: string
  readonly variant?: string
}

/** Points to a blob. */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  /** In bytes. */
  readonly size: number
  readonly annotations?: Readonly<Record<string, string>>
  readonly platform?: Platform
}

export interface ImageIndex {
  readonly schemaVersion: 2
  readonly mediaType?: string
  readonly manifests: readonly Descriptor[]
  readonly annotations?: Readonly<Record<string, string>>
}

export interface Manifest {
  readonly schemaVersion: 2
  readonly mediaType?: string
  readonly config: Descriptor
  /** The lowest first. */
  readonly layers: readonly Descriptor[]
  readonly annotations?: Readonly<Record<string, string>>
}

/** One step of how an image came about; those that made no layer say `empty_layer`. */
export interface HistoryEntry {
  /** RFC 3339. */
  readonly created?: string
  readonly created_by?: string
  readonly author?: string
  readonly comment?: string
  readonly empty_layer?: boolean
}

export interface ImageConfig {
  readonly created?: string
  readonly author?: string
  readonly architecture: string
  readonly os: string
  readonly variant?: string
  /** What a container of it runs. */
  readonly config?: Readonly<Record<string, unknown>>
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly string[] }
  /** The oldest first. */
  readonly history?: readonly HistoryEntry[]
}

/** The specification's name for this machine's architecture. */
export function ownArchitecture(): string {
  return process.arch === 'x64' ? 'amd64' : process.arch
}

/** The media type of a layer, from how it is compressed. */
export function layerType(compression: 'none' | 'gzip' | 'zstd'): string {
  return compression === 'none' ? MediaType.LAYER : `${MediaType.LAYER}+${compression}`
}

/** Docker's media types as OCI's, so that one manifest speaks one language. */
export function asOciType(mediaType: string): string {
  if (mediaType === MediaType.DOCKER_CONFIG) return MediaType.CONFIG
  if (mediaType === MediaType.DOCKER_MANIFEST) return MediaType.MANIFEST
  if (mediaType === MediaType.DOCKER_INDEX) return MediaType.INDEX
  if (!mediaType.startsWith(MediaType.DOCKER_LAYER)) return mediaType
  const rest = mediaType.slice(MediaType.DOCKER_LAYER.length)
  return `${MediaType.LAYER}${rest.replace('.', '+')}`
}

/** An image: its place in the index, and the documents. */
export interface Image {
  /** Of the manifest. */
  readonly descriptor: Descriptor
  readonly manifest: Manifest
  readonly config: ImageConfig
}

/** A layout as those see it that only look at its blobs. */
export interface BlobSource {
  /** The document that a descriptor names, verified. Throws StratafsError. */
  readDocument(entry: Pick<Descriptor, 'digest'> & { readonly size?: number }): unknown
  hasBlob(digest: string): boolean
  /** latin1. */
  blobPath(digest: string): string
}
