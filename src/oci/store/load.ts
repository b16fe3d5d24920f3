/**
 * Archives of images (`docker save`, `podman save`, skopeo's docker-archive: and oci-archive:) into an OCI layout.
 * Large files are written beside the blobs as they come, and get their names once the archive is read in full. An image
 * keeps its id: its configuration stays as it is, byte by byte.
 */
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import { ArchiveSource, type Progress } from '../apply/source.js'
import { decompress } from '../encoding/compression.js'
import { isDigest } from '../encoding/digest.js'
import { asConfig, asImageDocument, asIndex, parsed } from '../image/documents.js'
import { type Descriptor, type Layout, layerType, type Manifest, MediaType, REF_NAME } from '../image/layout.js'
import { TarReader } from '../tar/reader.js'
import { Files } from './load-files.js'
import type { Waiting } from './lock.js'
import { holdingNew } from './new-layout.js'

interface LoadRequest extends Waiting {
  /** Latin1; `-` is standard input. */
  readonly archive: string
  /** Absolute, latin1. */
  readonly layout: string
  /** In place of the name that the only image has. */
  readonly tag: string | null
  readonly progress?: Progress | undefined
}

export interface LoadedImage {
  readonly tag: string
  readonly manifest: string
  /** Digest of its configuration. */
  readonly id: string
}

/** Loads every image of the archive. Throws StratafsError with no tag changed, and no layout made. */
export async function loadImages(request: LoadRequest): Promise<LoadedImage[]> {
  const { waits, signal } = request
  return holdingNew(request.layout, { waits, signal }, (layout) => load(layout, request))
}

async function load(layout: Layout, request: LoadRequest): Promise<LoadedImage[]> {
  const source = ArchiveSource.open(request.archive)
  const files = new Files(layout)
  try {
    const reader = new TarReader(files)
    const { content } = await decompress(source.chunks(request.progress, request.signal))
    for await (const piece of content) reader.push(piece)
    reader.finish(false)
    const images = imagesIn(files, layout)
    return tagged(layout, named(images, request.tag))
  } catch (error) {
    if (!(error instanceof StratafsError)) throw error
    throw new StratafsError(`${shown(source.name)}: ${error.message}`, error.code)
  } finally {
    files.discard()
    await source.close()
  }
}

interface FoundImage {
  readonly tag: string | null
  readonly descriptor: Descriptor
  readonly id: string
}

function tagged(layout: Layout, images: readonly (FoundImage & { tag: string })[]): LoadedImage[] {
  return images.map(({ tag, descriptor, id }) => {
    const { annotations: _, ...plain } = descriptor
    layout.tag(tag, plain)
    return { tag, manifest: descriptor.digest, id }
  })
}

/** Each with the name that it will have. */
function named(images: readonly FoundImage[], tag: string | null): (FoundImage & { tag: string })[] {
  if (images.length === 0) throw new StratafsError('it holds no images', 'NOT_FOUND')
  if (tag !== null && images.length > 1) {
    const names = images.map((image) => image.tag ?? image.descriptor.digest).join(', ')
    throw new StratafsError(
      `it holds ${images.length} images (${names}): name the layout without a tag`,
      'INVALID_ARGUMENT',
    )
  }
  return images.map((image) => {
    const name = tag ?? image.tag
    if (name !== null) return { ...image, tag: name }
    throw new StratafsError('its image has no name: give it one, LAYOUT:TAG', 'INVALID_ARGUMENT')
  })
}

function imagesIn(files: Files, layout: Layout): FoundImage[] {
  if (files.has('manifest.json')) return dockerImages(files, layout)
  if (files.has('index.json') && files.has('oci-layout')) return ociImages(files, layout)
  throw new StratafsError(
    'it is no archive of images (there is no manifest.json or index.json in it): ' +
      'take a layer with `stratafs apply`, a root filesystem with `stratafs image import`',
    'INVALID_ARGUMENT',
  )
}

/** What manifest.json of `docker save` says of an image. */
interface DockerManifest {
  readonly Config: string
  readonly RepoTags: readonly string[] | null
  readonly Layers: readonly string[]
}

function dockerImages(files: Files, layout: Layout): FoundImage[] {
  const manifests = parsed(files.document('manifest.json').toString('utf8'), 'manifest.json')
  if (!Array.isArray(manifests) || !manifests.every(isDockerManifest))
    throw new StratafsError('manifest.json is not what docker save writes', 'DAMAGED')
  return manifests.flatMap(({ Config, RepoTags, Layers }) => {
    const { diff_ids } = asConfig(parsed(files.document(Config).toString('utf8'), Config), Config).rootfs
    if (diff_ids.length !== Layers.length) throw new StratafsError(`${Config} does not fit its layers`, 'DAMAGED')
    const config = files.put(Config, () => MediaType.CONFIG)
    const layers = Layers.map((name, i) => dockerLayer(files, name, diff_ids[i]!))
    const manifest: Manifest = { schemaVersion: 2, mediaType: MediaType.MANIFEST, config, layers }
    const descriptor = layout.putDocument(MediaType.MANIFEST, manifest)
    const tags = RepoTags === null || RepoTags.length === 0 ? [null] : RepoTags
    return tags.map((tag) => ({ tag: shortName(tag), descriptor, id: config.digest }))
  })
}

/** As docker itself tells it: skopeo and podman write the registry that docker leaves out. */
function shortName(tag: string | null): string | null {
  return tag?.replace(/^docker\.io\/(library\/)?/, '') ?? null
}

function isDockerManifest(value: unknown): value is DockerManifest {
  const { Config, RepoTags, Layers } = Object(value) as Record<string, unknown>
  const isTexts = (list: unknown) => Array.isArray(list) && list.every((each) => typeof each === 'string')
  return typeof Config === 'string' && isTexts(Layers) && ((RepoTags ?? null) === null || isTexts(RepoTags))
}

function dockerLayer(files: Files, name: string, diffID: string): Descriptor {
  const layer = files.put(name, (head) => layerType(compressionOf(head)))
  if (layer.mediaType !== MediaType.LAYER || layer.digest === diffID) return layer
  throw new StratafsError(`${shown(name)} is ${layer.digest}, not ${diffID}: the archive is damaged`, 'DAMAGED')
}

function compressionOf(head: Buffer): 'none' | 'gzip' | 'zstd' {
  const hex = head.toString('hex')
  return hex.startsWith('1f8b') ? 'gzip' : hex.startsWith('28b52ffd') ? 'zstd' : 'none'
}

function ociImages(files: Files, layout: Layout): FoundImage[] {
  const index = asIndex(parsed(files.document('index.json').toString('utf8'), 'index.json'), 'index.json')
  for (const name of files.names()) {
    const digest = name.replace(/^blobs\/sha256\//, 'sha256:')
    if (!isDigest(digest)) continue
    const { digest: found } = files.put(name, () => '')
    if (found !== digest) throw new StratafsError(`blob ${digest} is ${found}: the archive is damaged`, 'DAMAGED')
  }
  return index.manifests.map((descriptor) => {
    const document = asImageDocument(layout.readDocument(descriptor), descriptor.digest) as Partial<Manifest>
    const tag = descriptor.annotations?.[REF_NAME] ?? null
    return { tag, descriptor, id: document.config?.digest ?? descriptor.digest }
  })
}
