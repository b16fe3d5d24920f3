/**
 * An image among blobs, wherever they lie: which one is meant, its documents, and its layers with what made each and
 * with whom it is shared. What is read is verified by its digest.
 */
import { StratafsError } from '../../base/failure.js'
import { digestOf, isDigest } from '../../oci/encoding/digest.js'
import { asConfig, asImageDocument, parsed } from '../../oci/image/documents.js'
import { manifestsIn, platformInConfig } from '../../oci/image/manifests.js'
import { fitOf, ownPlatform, platformText } from '../../oci/image/platform.js'
import {
  asOciType,
  type BlobSource,
  type Descriptor,
  type HistoryEntry,
  type ImageConfig,
  type Manifest,
  MediaType,
} from '../../oci/image/types.js'
import { readSmall } from './read-part.js'
import type { BlobPlace, ImageFacts, NamedImage, Source, SourceLayer } from './types.js'

interface Documents {
  readonly manifest: Manifest
  readonly config: ImageConfig
}

/** Documents of a place, as those who read images want them. */
function documentsOf(place: BlobPlace): BlobSource {
  const part = (digest: string) => (isDigest(digest) ? place.part(digest) : null)
  return {
    hasBlob: (digest) => part(digest) !== null,
    blobPath: (digest) => part(digest)?.file ?? '',
    readDocument: ({ digest }) => {
      const what = `${place.where}: blob ${digest}`
      const found = part(digest)
      if (found === null) throw new StratafsError(`${what} is missing`, 'DAMAGED')
      const bytes = readSmall(found, what)
      if (digestOf(bytes) !== digest)
        throw new StratafsError(`${what} is damaged: its bytes have another digest`, 'DAMAGED')
      return parsed(bytes.toString('utf8'), what)
    },
  }
}

function readDocuments(place: BlobPlace, blobs: BlobSource, entry: Descriptor): Documents {
  const what = `${place.where}: ${entry.digest}`
  const document = asImageDocument(blobs.readDocument(entry), what)
  const type = asOciType(document.mediaType ?? entry.mediaType ?? '')
  if (type === MediaType.INDEX) return readDocuments(place, blobs, forThisMachine(blobs, entry, what))
  const manifest = document as Manifest
  if (!Array.isArray(manifest.layers) || !isDigest(manifest.config?.digest))
    throw new StratafsError(`${what} is no image manifest (${type})`, 'DAMAGED')
  const config = asConfig(blobs.readDocument(manifest.config), `${place.where}: blob ${manifest.config.digest}`)
  if (config.rootfs.diff_ids.length === manifest.layers.length) return { manifest, config }
  throw new StratafsError(`${what} has a config that does not fit its layers`, 'DAMAGED')
}

/** The manifest for this machine; of an image for others only, the first that is here. */
function forThisMachine(blobs: BlobSource, entry: Descriptor, what: string): Descriptor {
  const wanted = ownPlatform()
  const here = manifestsIn(blobs, entry).filter(({ digest }) => blobs.hasBlob(digest))
  const fits = here.map((each) => fitOf(each.platform ?? platformInConfig(blobs, each), wanted))
  const best = [...here.keys()].sort((a, b) => (fits[b] ?? -1e9) - (fits[a] ?? -1e9))[0]
  if (best === undefined) throw new StratafsError(`${what} has no image for ${platformText(wanted)}`, 'NOT_FOUND')
  return here[best]!
}

/** The image that `tag` names: in full, by its last part, or by digest. Throws StratafsError that lists those here. */
function choose(place: BlobPlace, tag: string | null): NamedImage {
  const { images, where } = place
  const named = ({ name, entry }: NamedImage) =>
    name === tag || entry.digest === tag || (name !== null && tag !== null && isEnd(name, tag))
  const found = tag === null ? (images.length === 1 ? images[0] : undefined) : images.findLast(named)
  if (found !== undefined) return found
  const names = images.slice(0, 20).map(({ name, entry }) => name ?? entry.digest)
  const here = names.length === 0 ? 'it holds none' : `there are ${names.join(', ')}`
  if (tag === null)
    throw new StratafsError(`${where} holds ${images.length} images: name one as ${where}:TAG; ${here}`, 'NOT_FOUND')
  throw new StratafsError(`${where} has no image ${tag}: ${here}`, 'NOT_FOUND')
}

/** `localhost/app:1` is named by `app:1`, `1`, and `localhost/app` where the tag is `latest`. */
function isEnd(name: string, tag: string): boolean {
  const short = name.replace(/^(?:docker\.io\/)?(?:library\/)?/, '')
  const ways = [short, name.slice(name.lastIndexOf('/') + 1), name.slice(name.lastIndexOf(':') + 1)]
  return ways.includes(tag) || ways.includes(`${tag}:latest`) || name === `${tag}:latest`
}

/** The image `tag` of `place` as a stack of layers. Throws StratafsError, and closes `place`. */
export function imageSource(place: BlobPlace, tag: string | null): Source {
  try {
    const blobs = documentsOf(place)
    const chosen = choose(place, tag)
    const { manifest, config } = readDocuments(place, blobs, chosen.entry)
    const sharers = sharersOf(place, blobs, chosen)
    const facts = factsOf(place, chosen, manifest, config)
    return {
      kind: 'image',
      title: chosen.name === null ? place.where : `${place.where}:${chosen.name}`,
      layers: layersOf(place, manifest, facts, config, sharers),
      image: facts,
      merged: null,
      close: () => place.close(),
    }
  } catch (error) {
    place.close()
    throw error
  }
}

/** Names of other images, by the digests of layers they have. One that cannot be read shares nothing. */
function sharersOf(place: BlobPlace, blobs: BlobSource, own: NamedImage): Map<string, string[]> {
  const sharers = new Map<string, string[]>()
  for (const image of place.images) {
    if (image === own) continue
    try {
      const { manifest } = readDocuments(place, blobs, image.entry)
      const name = image.name ?? image.entry.digest.slice(0, 19)
      for (const { digest } of manifest.layers)
        if (!sharers.get(digest)?.includes(name)) sharers.set(digest, [...(sharers.get(digest) ?? []), name])
    } catch (error) {
      if (!(error instanceof StratafsError)) throw error
    }
  }
  return sharers
}

function factsOf(place: BlobPlace, { name, entry }: NamedImage, manifest: Manifest, config: ImageConfig): ImageFacts {
  return {
    tag: name,
    manifest: entry.digest,
    platform: `${config.os}/${config.architecture}`,
    created: config.created ?? null,
    config: config.config ?? {},
    history: placed(config.history ?? [], manifest.layers.length),
    tags: place.images.flatMap((image) => image.name ?? []),
  }
}

/** The steps, each with the layer it made; layers that no step tells of stand at the end. */
export function placed(history: readonly HistoryEntry[], count: number): ImageFacts['history'] {
  let next = 0
  const steps = history.map((step) => ({ ...step, layer: step.empty_layer !== true && next < count ? next++ : null }))
  while (next < count) steps.push({ layer: next++ })
  return steps
}

function layersOf(
  place: BlobPlace,
  { layers }: Manifest,
  { history }: ImageFacts,
  { rootfs }: ImageConfig,
  sharers: ReadonlyMap<string, string[]>,
): SourceLayer[] {
  return layers.map(({ digest, size }, at) => {
    const step = history.find(({ layer }) => layer === at)
    const part = isDigest(digest) ? place.part(digest) : null
    return {
      label: `layer ${at + 1}/${layers.length}`,
      digest,
      diffID: rootfs.diff_ids[at]!,
      created: step?.created ?? null,
      command: commandText(step?.created_by ?? ''),
      stored: size,
      shared: sharers.get(digest) ?? [],
      content: part === null ? { kind: 'missing', reason: `its blob ${digest} is not there` } : { kind: 'blob', part },
    }
  })
}

/** As the Dockerfile has it: builders write the shell and remarks of their own around it. */
export function commandText(createdBy: string): string {
  const line = createdBy.replace(/\s+/g, ' ').trim()
  const plain = line.replace(/^\/bin\/sh -c #\(nop\) +/, '').replace(/ # buildkit$/, '')
  return plain.replace(/^(?:RUN )?(?:\|\d+ .*?)?\/bin\/sh -c /, 'RUN ')
}
