/** The library's functions that take archives in: a root filesystem's tar as an image, images as they were saved. */
import { existsSync } from 'node:fs'
import { pathBytes, shown } from '../base/text.js'

import type { Progress } from '../oci/apply/source.js'
import type { Compression } from '../oci/encoding/compression.js'
import { type Imported, importImage as importTar } from '../oci/store/import.js'
import { type LoadedImage, loadImages as loadArchive } from '../oci/store/load.js'
import { newReferenceOf, type PlatformOptions } from './image-documents.js'
import { absolute, type Path, resolved, toBytes } from './paths.js'

export type { Imported } from '../oci/store/import.js'
export type { LoadedImage } from '../oci/store/load.js'

export interface ImportOptions extends PlatformOptions {
  /** Of the layer; where not given as it came, gzip where it came without. */
  readonly compression?: Compression | undefined
  readonly comment?: string | undefined
  readonly author?: string | undefined
  /** Dockerfile lines for its configuration: `'CMD ["/bin/sh"]'`. */
  readonly changes?: readonly string[] | undefined
  /** When it was made; now. */
  readonly created?: Date | undefined
  readonly progress?: Progress | undefined
  readonly signal?: AbortSignal | undefined
  /** Gets a sentence when another program keeps the layout for long. */
  readonly notice?: ((sentence: string) => void) | undefined
}

/**
 * Makes `image` (LAYOUT:TAG; the layout is made where it is missing) of a root filesystem's tar; `-` is standard
 * input. Where it fails no tag has changed and no blob is left.
 */
export async function importImage(archive: Path, image: Path, options: ImportOptions = {}): Promise<Imported> {
  const { compression = null, comment = '', author = null, platform = null, changes = [] } = options
  const { created = new Date(), progress, signal, notice } = options
  const words = { comment, author, platform, changes, created }
  const reference = newReferenceOf(image)
  return importTar({ archive: toBytes(archive), reference, compression, ...words, progress, signal, waits: notice })
}

export interface LoadOptions {
  readonly progress?: Progress | undefined
  readonly signal?: AbortSignal | undefined
  /** Gets a sentence when another program keeps the layout for long. */
  readonly notice?: ((sentence: string) => void) | undefined
}

/**
 * Loads the images of an archive (`docker save`, `podman save`, skopeo's docker-archive and oci-archive; `-` is
 * standard input) into an OCI layout, which is made where it is missing. `image` is the layout, then each has the name
 * that the archive says; or LAYOUT:TAG for the only one. Ids stay.
 */
export async function loadImages(archive: Path, image: Path, options: LoadOptions = {}): Promise<LoadedImage[]> {
  const { progress, signal, notice: waits } = options
  const isNamed = toBytes(image).includes(':') && !existsSync(pathBytes(absolute(image)))
  const { layout, tag } = isNamed ? newReferenceOf(image) : { layout: resolved(image), tag: null }
  return loadArchive({
    archive: toBytes(archive),
    layout,
    tag: tag === null ? null : shown(tag),
    progress,
    signal,
    waits,
  })
}
