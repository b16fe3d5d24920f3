/**
 * The library's functions for what an upper directory changes: as a list, and as a layer. What they do is in oci/; here
 * paths come in and go out as callers have them.
 */

import { StratafsError } from '../base/failure.js'
import { type Change, diffSource } from '../oci/changes/diff.js'
import type { SourceRequest } from '../oci/changes/source.js'
import type { Archive } from '../oci/commit/archive.js'
import { commitArchive, commitImage, dryRun } from '../oci/commit/commit.js'
import type { CommittedImage } from '../oci/commit/image.js'
import type { Summary } from '../oci/commit/summary.js'
import { type Compression, compressionOfName } from '../oci/encoding/compression.js'
import { absolute, type Path, toBytes } from './paths.js'

export type { Change } from '../oci/changes/diff.js'
export type { Archive } from '../oci/commit/archive.js'
export type { CommittedImage } from '../oci/commit/image.js'
export type { Summary } from '../oci/commit/summary.js'
export { type Compression, compressionOfName } from '../oci/encoding/compression.js'

/** A mountpoint, or layers that are not mounted. */
export type Changed =
  | Path
  | { readonly upper: Path; readonly lower: readonly Path[]; readonly work?: Path; readonly userxattr?: boolean }

export interface CommitOptions {
  /** A file's path ending says it where it is not given; in an image it is gzip. */
  readonly compression?: Compression | undefined
  /** gzip 0 to 9, zstd 1 to 22. */
  readonly level?: number | undefined
  /** Seconds since 1970: no time in the layer is later. */
  readonly timestamp?: number | undefined
  /** Everything the merged tree shows, as one layer. */
  readonly squash?: boolean | undefined
  /** Of a mount: what it was when this snapshot was made. */
  readonly snapshot?: string | undefined
  /** Do not hold the mount still meanwhile. */
  readonly live?: boolean | undefined
  /** Called with the bytes of files read so far. */
  readonly progress?: ((bytes: number) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface CommitImageOptions extends CommitOptions {
  /** Tag of the image below; `none`; where not given the image that has the tag. */
  readonly base?: string | undefined
  readonly author?: string | undefined
  readonly comment?: string | undefined
  readonly createdBy?: string | undefined
  /** Dockerfile lines for its configuration: `'CMD ["/bin/sh"]'`. */
  readonly changes?: readonly string[] | undefined
  /** Gets a sentence when another program keeps the layout for long. */
  readonly notice?: ((sentence: string) => void) | undefined
}

function sourceOf(changed: Changed): SourceRequest {
  if (typeof changed === 'string' || Buffer.isBuffer(changed)) return { merged: absolute(changed) }
  const { upper, lower, work, userxattr } = changed
  return {
    upper: absolute(upper),
    lowers: lower.map(absolute),
    work: work === undefined ? null : absolute(work),
    userxattr: userxattr ?? null,
  }
}

/** What was added, changed and deleted, by path. */
export async function diff(changed: Changed): Promise<Change[]> {
  return diffSource(sourceOf(changed))
}

/** What a layer of the changes would hold, without writing it: entries and bytes, in all and by directory. */
export async function previewCommit(
  changed: Changed,
  options: Pick<CommitOptions, 'squash' | 'snapshot'> = {},
): Promise<Summary> {
  return dryRun({ source: sourceAt(changed, options.snapshot), squash: options.squash ?? false })
}

function sourceAt(changed: Changed, snapshot: string | undefined): SourceRequest {
  const source = sourceOf(changed)
  if (snapshot === undefined) return source
  if ('merged' in source) return { ...source, to: snapshot }
  throw new StratafsError('only a mount has snapshots', 'INVALID_ARGUMENT', 'name the mount instead of its layers')
}

function requestOf(changed: Changed, options: CommitOptions, compression: Compression) {
  const { squash = false, live = false, timestamp = null, level, progress, signal, snapshot } = options
  return { source: sourceAt(changed, snapshot), squash, live, timestamp, compression, level, progress, signal }
}

/** Writes the changes as an OCI layer to the file `output`, or to the open descriptor `output`. */
export async function commit(changed: Changed, output: Path | number, options: CommitOptions = {}): Promise<Archive> {
  const named = typeof output === 'number' ? 'none' : compressionOfName(toBytes(output))
  const request = requestOf(changed, options, options.compression ?? named)
  return commitArchive(request, typeof output === 'number' ? output : absolute(output))
}

/** Adds the changes to an image in the OCI layout `layout`, as its topmost layer, and calls it `tag`. */
export async function commitToImage(
  changed: Changed,
  layout: Path,
  tag: string,
  options: CommitImageOptions = {},
): Promise<Archive & CommittedImage> {
  const { timestamp, author, comment, createdBy = 'stratafs commit', base, changes, notice } = options
  const created = (timestamp === undefined ? new Date() : new Date(timestamp * 1000)).toISOString()
  const words = { author, comment, createdBy, created, changes }
  return commitImage(requestOf(changed, options, options.compression ?? 'gzip'), {
    directory: absolute(layout),
    tag,
    base,
    words,
    waits: notice,
  })
}
