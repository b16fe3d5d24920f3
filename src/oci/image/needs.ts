/**
 * Which blobs the images of a layout need, and notes of those that may be nobody's: `.stratafs-unsure-HEX.json` in the
 * layout, `{"digests": […]}`, on disk before a blob gets its name, or loses its image.
 */
import { randomBytes } from 'node:crypto'
import { rmSync, statSync } from 'node:fs'
import { StratafsError } from '../../base/failure.js'
import { pathBytes, shown } from '../../base/text.js'
import { isDigest } from '../encoding/digest.js'
import { parseObject, readDocument, writeDocument } from '../encoding/json-file.js'
import type { BlobSource, Descriptor } from './types.js'

export const NOTE = /^\.stratafs-unsure-[0-9a-f]{16}\.json$/

/** Notes `digests` in the layout at `directory` (latin1); the note's path. */
export function writeNote(directory: string, digests: readonly string[]): string {
  const path = `${directory}/.stratafs-unsure-${randomBytes(8).toString('hex')}.json`
  writeDocument(path, `${JSON.stringify({ digests })}\n`)
  return path
}

/** What the note at `path` holds. Throws StratafsError. */
export function digestsIn(path: string): string[] {
  const bytes = readDocument(path)
  const digests = bytes === null ? [] : parseObject(bytes, shown(path)).digests
  return Array.isArray(digests) ? digests.filter(isDigest) : []
}

/** Removes those of `digests` that no image of `manifests` needs. */
export function removeUnneeded(
  layout: BlobSource,
  digests: Iterable<string>,
  manifests: readonly Descriptor[],
): { blobs: string[]; bytes: number } {
  const kept = neededBy(layout, manifests)
  const blobs = [...digests].filter((digest) => !kept.has(digest) && layout.hasBlob(digest))
  return { blobs, bytes: blobs.reduce((sum, digest) => sum + removeBlob(layout, digest), 0) }
}

/** Digests of all that the entries lead to. Throws StratafsError where a document is damaged. */
export function neededBy(layout: BlobSource, manifests: readonly Descriptor[]): Set<string> {
  return reach(layout, manifests, true)
}

/** Fields of documents that name others, and whether those are documents too where no type says so. */
const FIELDS = { manifests: true, subject: true, layers: false, blobs: false, config: false }
const DOCUMENT = /manifest|image\.index/

/**
 * Digests of all that `entries` lead to. `certain`: a document that is damaged is an error, for what it needs would be
 * taken for free. One that is missing (images for other processors often are) leads nowhere.
 */
export function reach(layout: BlobSource, entries: readonly unknown[], certain: boolean): Set<string> {
  const found = new Set<string>()
  // A manifest may be named as a layer first, by somebody who wants it to be overlooked.
  const read = new Set<string>()
  const open = entries.map((from) => ({ from, leads: true }))
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { digest, mediaType } = Object(next.from) as Partial<Record<string, unknown>>
    if (!isDigest(digest)) continue
    found.add(digest)
    const known = typeof mediaType === 'string' ? DOCUMENT.test(mediaType) : next.leads
    if (!(known || next.leads) || read.has(digest) || !layout.hasBlob(digest)) continue
    read.add(digest)
    const document = documentOf(layout, digest, certain && known)
    for (const [field, leads] of Object.entries(FIELDS))
      for (const from of [document[field] ?? []].flat()) open.push({ from, leads })
  }
  return found
}

function documentOf(layout: BlobSource, digest: string, certain: boolean): Record<string, unknown> {
  try {
    return layout.readDocument({ digest }) as Record<string, unknown>
  } catch (error) {
    if (error instanceof StratafsError && !certain) return {}
    throw error
  }
}

/** Its size; 0 where it is gone already. */
function removeBlob(layout: BlobSource, digest: string): number {
  const path = pathBytes(layout.blobPath(digest))
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  rmSync(path, { force: true })
  return size
}
