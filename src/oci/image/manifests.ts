/** Indexes in a layout that lead to others: the manifests at their ends, in order. */
import { StratafsError } from '../../base/failure.js'
import {
  asOciType,
  type BlobSource,
  type Descriptor,
  type ImageIndex,
  type Manifest,
  MediaType,
  type Platform,
} from './types.js'

/** Indexes within indexes; an honest one has two or three. */
const DEEPEST = 8
/** Manifests that are looked at; more are in no image. */
const MOST = 10_000

/** The manifests that the index `entry` leads to, each once. Throws StratafsError where it goes on and on. */
export function manifestsIn(layout: BlobSource, entry: Descriptor): Descriptor[] {
  const found: Descriptor[] = []
  const seen = new Set<string>()
  const look = (index: Descriptor, depth: number) => {
    const { manifests } = layout.readDocument(index) as ImageIndex
    if (!Array.isArray(manifests)) throw new StratafsError(`index ${index.digest} lists no manifests`, 'DAMAGED')
    for (const each of manifests) {
      if (typeof each?.digest !== 'string')
        throw new StratafsError(`index ${index.digest} has an entry without a digest`, 'DAMAGED')
      if (seen.has(each.digest)) continue
      seen.add(each.digest)
      if (seen.size > MOST || depth > DEEPEST)
        throw new StratafsError(
          `index ${entry.digest} leads to more than ${MOST} manifests, or through ${DEEPEST} indexes`,
          'DAMAGED',
        )
      const type = asOciType(String(each.mediaType))
      if (type === MediaType.INDEX) look(each, depth + 1)
      else if (type === MediaType.MANIFEST) found.push(each)
    }
  }
  look(entry, 1)
  return found
}

/** What a manifest's config says that it is for, where the index does not; null where it cannot be read. */
export function platformInConfig(layout: BlobSource, entry: Descriptor): Platform | null {
  try {
    const { config } = layout.readDocument(entry) as Manifest
    return layout.readDocument(config) as Platform
  } catch (error) {
    if (error instanceof StratafsError || error instanceof TypeError) return null
    throw error
  }
}
