/** Media types of layers: how they are compressed. Those that are not here are another differ's. */
import type { Compression } from '../../oci/encoding/compression.js'

/** What is unpacked is called. */
export const PLAIN = 'application/vnd.oci.image.layer.v1.tar'
/** What a diff is where nothing else is asked for. */
export const GZIPPED = `${PLAIN}+gzip`

const TYPES: Readonly<Record<string, Compression>> = {
  [PLAIN]: 'none',
  [GZIPPED]: 'gzip',
  [`${PLAIN}+zstd`]: 'zstd',
  'application/vnd.oci.image.layer.nondistributable.v1.tar': 'none',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip': 'gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd': 'zstd',
  'application/vnd.docker.image.rootfs.diff.tar': 'none',
  'application/vnd.docker.image.rootfs.diff.tar.gzip': 'gzip',
  'application/vnd.docker.image.rootfs.diff.tar.zstd': 'zstd',
  'application/vnd.docker.image.rootfs.foreign.diff.tar': 'none',
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip': 'gzip',
}

/** How a layer of this type is compressed; null: it is none that is read here. */
export function compressionOf(mediaType: string): Compression | null {
  return TYPES[mediaType] ?? null
}
