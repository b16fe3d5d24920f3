/**
 * Node's own zstd, which 22.15 and 23.8 brought; older ones have none. The types that are compiled against are those of
 * Node 20.
 */
import type { Transform } from 'node:stream'
import type { ZlibOptions } from 'node:zlib'
import * as zlib from 'node:zlib'

interface WithZstd {
  createZstdCompress?(options: object): Transform
  createZstdDecompress?(options: ZlibOptions): Transform
  readonly constants: { readonly ZSTD_c_compressionLevel: number; readonly ZSTD_c_checksumFlag: number }
}

const { createZstdCompress, createZstdDecompress, constants } = zlib as unknown as WithZstd

/** Null where this Node has none. */
export const nodeZstd =
  createZstdCompress === undefined || createZstdDecompress === undefined
    ? null
    : {
        createZstdDecompress,
        /** `level` from 1 to 22; `chunkSize` in bytes. */
        compressor: (level: number, chunkSize: number): Transform =>
          createZstdCompress({
            chunkSize,
            params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
          }),
      }
