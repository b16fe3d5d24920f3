/** The library's function that makes an image of a root filesystem's tar. */

import type { Progress } from '../oci/apply/source.js'
import type { Compression } from '../oci/encoding/compression.js'
import { type Imported, importImage as importTar } from '../oci/store/import.js'
import { newReferenceOf, type PlatformOptions } from './image-documents.js'
import { type Path, toBytes } from './paths.js'

export type { Imported } from '../oci/store/import.js'

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
