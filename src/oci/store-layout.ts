/**
 * An image in an OCI layout on disk, as far as unpacking needs it: from LAYOUT:TAG over index.json and the manifest to the
 * layers, each with the digest of its blob and the diffID of its content. Whatever comes from a blob is compared with its
 * digest first, and digests are checked before they become paths. Paths are latin1 strings.
 */
import { createHash } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { StratafsError } from '../base/failure.js'
import { fromText, pathBytes, shown } from '../base/text.js'
import { parseObject, readDocument } from './json-file.js'

export const REF_NAME = 'org.opencontainers.image.ref.name'
export const INDEX_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
]
/** Node's names of processors to those in images. */
export const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm',
  ia32: '386',
  riscv64: 'riscv64',
}
/** Indexes in indexes: one level is common. */
const DEEPEST = 4

export interface Reference {
  /** Absolute. */
  readonly layout: string
  /** Null: the only image there is. */
  readonly tag: string | null
}

export interface StoredLayer {
  readonly digest: string
  readonly diffID: string
  /** Of the layers up to this one: what the tree is after it. */
  readonly chainID: string
  readonly size: number
  /** Where the blob lies. */
  readonly blob: string
}

export interface StoredImage {
  readonly reference: Reference
  readonly manifestDigest: string
  /** The lowest first, as in the manifest. */
  readonly layers: readonly StoredLayer[]
  readonly config: Record<string, unknown>
}

/** What LAYOUT:TAG names. The tag may hold colons, the layout's path too: the first directory that is a layout counts. */
export function parseReference(given: string, absolute: (path: string) => string): Reference {
  const cuts = [...given.matchAll(/:/g)].map((match) => match.index)
  for (const cut of cuts) {
    const layout = absolute(given.slice(0, cut))
    if (isLayout(layout) && cut < given.length - 1) return { layout, tag: given.slice(cut + 1) }
  }
  if (isLayout(absolute(given))) return { layout: absolute(given), tag: null }
  const path = cuts.length === 0 ? given : given.slice(0, cuts.at(-1))
  throw new StratafsError(`${shown(path)} is no OCI image layout (there is no index.json in it): name it as LAYOUT:TAG`)
}

function isLayout(path: string): boolean {
  return existsSync(pathBytes(`${path}/index.json`))
}

export function referenceText({ layout, tag }: Reference): string {
  return shown(tag === null ? layout : `${layout}:${tag}`)
}

export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly annotations: Readonly<Record<string, string>>
  readonly platform: Readonly<Record<string, string>> | null
}

/** The image that `reference` names. Throws StratafsError with what is missing or does not fit together. */
export function readImage(reference: Reference): StoredImage {
  const { layout } = reference
  const entries = descriptorsIn(readIndex(layout), 'manifests', 'index.json')
  const entry = choose(reference, entries)
  const chosen = resolve(layout, entry, 0)
  const manifest = parseObject(readBlob(layout, chosen), `manifest ${chosen.digest}`)
  const config = parseObject(readBlob(layout, descriptor(manifest.config, 'config')), 'the image’s configuration')
  const layers = descriptorsIn(manifest, 'layers', `manifest ${chosen.digest}`)
  return {
    reference: canonical(reference, entry),
    manifestDigest: chosen.digest,
    layers: joined(layout, layers, diffIDsOf(config)),
    config,
  }
}

/** What index.json holds. */
export function readIndex(layout: string): Record<string, unknown> {
  const bytes = readDocument(`${layout}/index.json`)
  if (bytes === null) throw new StratafsError(`${shown(layout)} has no index.json`)
  return parseObject(bytes, `${shown(layout)}/index.json`)
}

/** The entry of index.json that `reference` names. Throws StratafsError. */
export function choose(reference: Reference, entries: readonly Descriptor[]): Descriptor {
  const { tag } = reference
  const names = entries.map(({ annotations }) => annotations[REF_NAME]).filter((name) => name !== undefined)
  const wanted =
    tag === null ? (entries.length === 1 ? entries : []) : entries.filter((each) => isNamed(each, shown(tag)))
  if (wanted.length > 0) return wanted[0]!
  const known = names.length === 0 ? 'its images have no tags' : `there are ${names.slice(0, 20).join(', ')}`
  if (tag === null)
    throw new StratafsError(
      `${shown(reference.layout)} holds ${entries.length} images; name one as LAYOUT:TAG (${known})`,
    )
  throw new StratafsError(`${shown(reference.layout)} has no image ${shown(tag)}: ${known}`)
}

/** The same image by the name that index.json has for it, however it was asked for. */
export function canonical({ layout }: Reference, { annotations, digest }: Descriptor): Reference {
  return { layout, tag: fromText(annotations[REF_NAME] ?? digest) }
}

/** By its whole name, by its digest, or by the tag at the end of a name that has a registry before it. */
function isNamed({ annotations, digest }: Descriptor, tag: string): boolean {
  const name = annotations[REF_NAME]
  return name === tag || digest === tag || (name?.slice(name.lastIndexOf('/') + 1).endsWith(`:${tag}`) ?? false)
}

/** Through an image for several processors to this one's. */
function resolve(layout: string, entry: Descriptor, depth: number): Descriptor {
  if (!INDEX_TYPES.includes(entry.mediaType)) return entry
  if (depth >= DEEPEST) throw new StratafsError(`index ${entry.digest} leads through too many others`)
  const index = parseObject(readBlob(layout, entry), `index ${entry.digest}`)
  const entries = descriptorsIn(index, 'manifests', `index ${entry.digest}`)
  const own = ARCHITECTURES[process.arch] ?? process.arch
  const fits = entries.find(({ platform }) => platform?.os === 'linux' && platform.architecture === own)
  const found = fits ?? (entries.length === 1 ? entries[0] : undefined)
  if (found !== undefined) return resolve(layout, found, depth + 1)
  throw new StratafsError(`index ${entry.digest} has no image for linux/${own}`)
}

function diffIDsOf(config: Record<string, unknown>): readonly string[] {
  const rootfs = config.rootfs as Record<string, unknown> | undefined
  const ids = rootfs?.diff_ids
  if (!Array.isArray(ids)) throw new StratafsError('the image’s configuration names no layers (rootfs.diff_ids)')
  return ids.map((id) => checked(id, 'a diffID'))
}

function joined(layout: string, layers: readonly Descriptor[], diffIDs: readonly string[]): StoredLayer[] {
  if (layers.length !== diffIDs.length) {
    throw new StratafsError(`the manifest has ${layers.length} layers and the configuration ${diffIDs.length}`)
  }
  let chainID = ''
  return layers.map(({ digest, size }, i) => {
    const diffID = diffIDs[i]!
    chainID = chainID === '' ? diffID : sha256(Buffer.from(`${chainID} ${diffID}`))
    return { digest, diffID, chainID, size, blob: blobPath(layout, digest) }
  })
}

export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

export function blobPath(layout: string, digest: string): string {
  return `${layout}/blobs/sha256/${checked(digest, 'a digest').slice('sha256:'.length)}`
}

/** A digest becomes part of a path only after this. */
function checked(digest: unknown, what: string): string {
  if (typeof digest === 'string' && /^sha256:[0-9a-f]{64}$/.test(digest)) return digest
  throw new StratafsError(`${JSON.stringify(digest).slice(0, 100)} is not ${what} that can be verified (sha256:… is)`)
}

/** The document in a blob, compared with its digest. Throws StratafsError. */
export function readBlob(layout: string, { digest, size }: Descriptor): Buffer {
  const bytes = readDocument(blobPath(layout, digest))
  if (bytes === null) throw new StratafsError(`blob ${digest} is missing in ${shown(layout)}`)
  if (bytes.length !== size || sha256(bytes) !== digest)
    throw new StratafsError(`blob ${digest} is damaged: its content has another digest`)
  return bytes
}

/** Why the blob of `layer` cannot be what the manifest says; null when it may be. */
export function blobFault(layer: StoredLayer): string | null {
  const stat = statSync(pathBytes(layer.blob), { throwIfNoEntry: false })
  if (stat === undefined) return `its blob ${layer.digest} is missing`
  return stat.size === layer.size ? null : `its blob ${layer.digest} is ${stat.size} bytes long, not ${layer.size}`
}

/** The descriptors in a field of `document`, checked. Throws StratafsError. */
export function descriptorsIn(document: Record<string, unknown>, field: string, what: string): Descriptor[] {
  const list = document[field]
  if (!Array.isArray(list)) throw new StratafsError(`${what} has no list of ${field}`)
  return list.map((each) => descriptor(each, what))
}

export function descriptor(value: unknown, what: string): Descriptor {
  const { mediaType, digest, size, annotations, platform } = (value ?? {}) as Record<string, unknown>
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw new StratafsError(`${what} has a descriptor without a size`)
  return {
    mediaType: typeof mediaType === 'string' ? mediaType : '',
    digest: checked(digest, 'a digest'),
    size,
    annotations: (annotations ?? {}) as Record<string, string>,
    platform: (platform ?? null) as Record<string, string> | null,
  }
}
