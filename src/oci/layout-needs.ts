/**
 * Which blobs the images of a layout need, and notes of those that may be nobody's: `.stratafs-unsure-HEX.json` in the layout,
 * `{"digests": […]}`, on disk before a blob gets its name, or loses its image.
 */
import { randomBytes } from 'node:crypto'
import { rmSync, statSync } from 'node:fs'
import { StratafsError } from '../base/failure.js'
import { pathBytes, shown } from '../base/text.js'
import { isDigest } from './digest.js'
import { isDescriptor } from './documents.js'
import { parseObject, readDocument, writeDocument } from './json-file.js'
import type { BlobSource, Descriptor } from './layout-types.js'

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
  const needed = new Set<string>()
  for (const each of manifests) reach(layout, each, needed, true)
  return needed
}

/**
 * Adds the digests of all that `from` leads to. `certain`: a document that is damaged is an error, for what it needs would be
 * taken for free. One that is missing (images for other processors often are) leads nowhere.
 */
export function reach(layout: BlobSource, from: Descriptor, into: Set<string>, certain: boolean): void {
  if (!isDigest(from?.digest) || into.has(from.digest)) return
  into.add(from.digest)
  const type: unknown = from.mediaType
  if (typeof type !== 'string' || !/manifest|image\.index/.test(type) || !layout.hasBlob(from.digest)) return
  const document = documentOf(layout, from, certain)
  for (const field of ['manifests', 'layers', 'blobs', 'config', 'subject']) {
    for (const each of [document[field] ?? []].flat()) if (isDescriptor(each)) reach(layout, each, into, certain)
  }
}

function documentOf(layout: BlobSource, from: Descriptor, certain: boolean): Record<string, unknown> {
  try {
    return layout.readDocument(from) as Record<string, unknown>
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
