/**
 * An image in an OCI layout (layout.ts), as far as unpacking needs it: what LAYOUT:TAG names, and its layers, each with
 * the digest of its blob, the diffID of its content and the chainID of what the tree is after it. Paths are latin1
 * strings.
 */
import { existsSync, statSync } from 'node:fs'
import { StratafsError } from '../../base/failure.js'
import { fromText, pathBytes, shown } from '../../base/text.js'
import { chainIDs, isDigest } from '../encoding/digest.js'
import { type Descriptor, type ImageConfig, Layout, type Platform, REF_NAME } from '../image/layout.js'
import { holding } from './hold.js'
import type { Waiting } from './lock.js'

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
  readonly config: ImageConfig
}

/**
 * What LAYOUT:TAG names. A tag may be a whole name with colons (podman writes those), a path too: the first directory
 * that is a layout counts.
 */
export function parseReference(given: string, absolute: (path: string) => string): Reference {
  const known = inLayout(given, absolute)
  if (known !== null) return known
  if (isLayout(absolute(given))) return { layout: absolute(given), tag: null }
  const colon = given.lastIndexOf(':')
  const path = colon < 0 ? given : given.slice(0, colon)
  throw new StratafsError(
    `${shown(path)} is no OCI image layout (there is no index.json in it)`,
    'NOT_FOUND',
    'name it as LAYOUT:TAG',
  )
}

/**
 * The grammar of `org.opencontainers.image.ref.name` (image-spec, annotations.md), which also holds names like
 * localhost/app:1.
 */
const TAG = /^[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*(?:\/[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)*$/
const PLAIN_TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/

/**
 * What LAYOUT:TAG names where the image, and maybe the layout, is still to be made: then the path ends at the first
 * colon.
 */
export function parseNewReference(given: string, absolute: (path: string) => string): Reference & { tag: string } {
  const colon = given.indexOf(':')
  const first = colon <= 0 ? null : { layout: absolute(given.slice(0, colon)), tag: given.slice(colon + 1) }
  const reference = inLayout(given, absolute) ?? first
  if (reference !== null && (TAG.test(reference.tag) || PLAIN_TAG.test(reference.tag))) return reference
  throw new StratafsError(
    shown(given),
    'INVALID_ARGUMENT',
    'name the image as LAYOUT:TAG, the tag of letters, digits, . _ and -, or a whole name like localhost/app:1',
  )
}

/** At the first colon before which there is a layout; null where there is none. */
function inLayout(given: string, absolute: (path: string) => string): (Reference & { tag: string }) | null {
  for (const { index } of given.matchAll(/:./gs)) {
    const layout = absolute(given.slice(0, index))
    if (isLayout(layout)) return { layout, tag: given.slice(index + 1) }
  }
  return null
}

function isLayout(path: string): boolean {
  return existsSync(pathBytes(`${path}/index.json`))
}

export function referenceText({ layout, tag }: Reference): string {
  return shown(tag === null ? layout : `${layout}:${tag}`)
}

/**
 * The image that `reference` names, for `platform` or this machine. Throws StratafsError with what is missing or does
 * not fit.
 */
export function readImage(reference: Reference, platform: Platform | null = null): StoredImage {
  const layout = Layout.open(reference.layout)
  const entry = choose(reference, layout.index().manifests)
  const { manifest, config } = layout.imageOf(entry, platform)
  const layers = joined(layout, manifest.layers, config.rootfs.diff_ids)
  return { reference: canonical(reference, entry), manifestDigest: entry.digest, layers, config }
}

/** Runs `work` with the image that `reference` names, while none of its blobs can be removed. Throws StratafsError. */
export function withImage<T>(
  reference: Reference,
  waiting: Waiting & { readonly platform?: Platform | null },
  work: (image: StoredImage) => Promise<T>,
): Promise<T> {
  return holding(Layout.open(reference.layout), waiting, () => work(readImage(reference, waiting.platform ?? null)))
}

/** The entry of index.json that `reference` names. Throws StratafsError. */
export function choose(reference: Reference, entries: readonly Descriptor[]): Descriptor {
  const { tag } = reference
  const names = entries.map(({ annotations }) => annotations?.[REF_NAME]).filter((name) => name !== undefined)
  const wanted =
    tag === null
      ? entries.length === 1
        ? entries[0]
        : undefined
      : entries.findLast((each) => isNamed(each, shown(tag)))
  if (wanted !== undefined) return wanted
  const known = names.length === 0 ? 'its images have no tags' : `there are ${names.slice(0, 20).join(', ')}`
  const layout = shown(reference.layout)
  if (tag === null)
    throw new StratafsError(
      `${layout} holds ${entries.length} images`,
      'INVALID_ARGUMENT',
      `name one as LAYOUT:TAG (${known})`,
    )
  throw new StratafsError(`${layout} has no image ${shown(tag)}: ${known}`, 'NOT_FOUND')
}

/** The same image by the name that index.json has for it, however it was asked for. */
export function canonical({ layout }: Reference, { annotations, digest }: Descriptor): Reference {
  return { layout, tag: fromText(annotations?.[REF_NAME] ?? digest) }
}

/** By its whole name, by its digest, or by the tag at the end of a name that has a registry before it. */
function isNamed({ annotations, digest }: Descriptor, tag: string): boolean {
  const name = annotations?.[REF_NAME]
  return name === tag || digest === tag || (name?.slice(name.lastIndexOf('/') + 1).endsWith(`:${tag}`) ?? false)
}

function joined(layout: Layout, layers: readonly Descriptor[], diffIDs: readonly string[]): StoredLayer[] {
  const chain = chainIDs(diffIDs)
  return layers.map(({ digest, size }, i) => {
    const diffID = diffIDs[i]!
    // Digests become parts of paths.
    for (const each of [digest, diffID]) {
      if (!isDigest(each))
        throw new StratafsError(`${JSON.stringify(each)} is no digest that can be verified (sha256:… is)`, 'DAMAGED')
    }
    return { digest, diffID, chainID: chain[i]!, size, blob: layout.blobPath(digest) }
  })
}

/** Why the blob of `layer` cannot be what the manifest says; null when it may be. */
export function blobFault(layer: StoredLayer): string | null {
  const stat = statSync(pathBytes(layer.blob), { throwIfNoEntry: false })
  if (stat === undefined) return `its blob ${layer.digest} is missing`
  return stat.size === layer.size ? null : `its blob ${layer.digest} is ${stat.size} bytes long, not ${layer.size}`
}
