/**
 * The library's functions for what an upper directory changes: as a list, and as a layer. What they do is in oci/; here
 * paths come in and go out as callers have them.
 */

import { type Change, diffSource } from '../oci/changes/diff.js'
import type { SourceRequest } from '../oci/changes/source.js'
import type { Archive } from '../oci/commit/archive.js'
import { commitArchive, commitImage } from '../oci/commit/commit.js'
import type { CommittedImage } from '../oci/commit/image.js'
import { type Compression, compressionOfName } from '../oci/encoding/compression.js'
import { absolute, type Path, toBytes } from './paths.js'

export type { Change } from '../oci/changes/diff.js'
export type { Archive } from '../oci/commit/archive.js'
export type { CommittedImage } from '../oci/commit/image.js'

/** A mountpoint, or layers that are not mounted. */
export type Changed =
  | Path
  | { readonly upper: Path; readonly lower: readonly Path[]; readonly work?: Path; readonly userxattr?: boolean }

export interface CommitOptions {
  /** A file's path ending says it where it is not given; in an image it is gzip. */
  readonly compression?: Compression
  readonly level?: number
  /** Seconds since 1970: no time in the layer is later. */
  readonly timestamp?: number
  /** Everything the merged tree shows, as one layer. */
  readonly squash?: boolean
  /** Do not hold the mount still meanwhile. */
  readonly live?: boolean
  readonly signal?: AbortSignal
}

export interface CommitImageOptions extends CommitOptions {
  /** Tag of the image below; `none`; where not given the image that has the tag. */
  readonly base?: string
  readonly author?: string
  readonly comment?: string
  readonly createdBy?: string
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
export function diff(changed: Changed): Promise<Change[]> {
  return diffSource(sourceOf(changed))
}

function wishOf(changed: Changed, options: CommitOptions, compression: Compression) {
  const { squash = false, live = false, timestamp = null, level, signal } = options
  return { source: sourceOf(changed), squash, live, timestamp, compression, level, signal }
}

/** Writes the changes as an OCI layer to the file `output`. */
export function commit(changed: Changed, output: Path, options: CommitOptions = {}): Promise<Archive> {
  const compression = options.compression ?? compressionOfName(toBytes(output))
  return commitArchive(wishOf(changed, options, compression), absolute(output))
}

/** Adds the changes to an image in the OCI layout `layout`, as its topmost layer, and calls it `tag`. */
export function commitToImage(
  changed: Changed,
  layout: Path,
  tag: string,
  options: CommitImageOptions = {},
): Promise<Archive & CommittedImage> {
  const { timestamp, author, comment, createdBy = 'stratafs commit', base } = options
  const created = (timestamp === undefined ? new Date() : new Date(timestamp * 1000)).toISOString()
  const words = { author, comment, createdBy, created }
  return commitImage(wishOf(changed, options, options.compression ?? 'gzip'), {
    directory: absolute(layout),
    tag,
    base,
    words,
  })
}
