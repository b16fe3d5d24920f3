/** Reads layers of an image as streams, one after the other, each verified by both of its digests. */
import { createHash } from 'node:crypto'
import { StratafsError } from '../../base/failure.js'
import { ArchiveKind } from '../apply/archive-kind.js'
import { ArchiveSource, type Progress } from '../apply/source.js'
import { decompress } from '../encoding/compression.js'
import { blobFault, type StoredLayer } from '../store/images.js'
import type { TarSink } from '../tar/entry.js'
import { TarReader } from '../tar/reader.js'

export interface Reading {
  /** Called for each layer before it is read; `position` counts from 0. */
  readonly begins?: ((layer: StoredLayer, position: number, count: number) => Progress) | undefined
  readonly signal?: AbortSignal | undefined
}

/** Reads `layers` from position `from` on, each into the sink that `sinkFor` makes for it. Throws StratafsError. */
export async function readLayers(
  layers: readonly StoredLayer[],
  from: number,
  sinkFor: (position: number) => TarSink,
  { begins, signal }: Reading,
): Promise<void> {
  for (const [at, layer] of layers.slice(from).entries()) {
    const position = from + at
    try {
      const fault = blobFault(layer)
      if (fault !== null) throw new StratafsError(fault, 'DAMAGED')
      await readLayer(layer, sinkFor(position), begins?.(layer, position, layers.length), signal)
    } catch (error) {
      if (!(error instanceof StratafsError)) throw error
      throw new StratafsError(
        `layer ${position + 1} of ${layers.length} (${layer.digest}): ${error.message}`,
        error.code,
      )
    }
  }
}

async function readLayer(layer: StoredLayer, sink: TarSink, progress?: Progress, signal?: AbortSignal): Promise<void> {
  const found = await readArchive(layer.blob, sink, true, progress, signal)
  for (const [what, expected] of [
    ['digest', layer.digest],
    ['diffID', layer.diffID],
  ] as const)
    if (found[what] !== expected)
      throw new StratafsError(`${what} is ${found[what]}, not ${expected}: the blob is damaged`, 'DAMAGED')
}

/**
 * Reads the archive at `path` (latin1) into `sink`; `whole`: it is known to be what was meant. Throws StratafsError.
 */
export async function readArchive(
  path: string,
  sink: TarSink,
  whole: boolean,
  progress?: Progress,
  signal?: AbortSignal,
): Promise<{ readonly digest: string; readonly diffID: string }> {
  const source = ArchiveSource.open(path)
  try {
    const kind = new ArchiveKind()
    const reader = new TarReader(kind.watching(sink))
    const content = createHash('sha256')
    const { compression, content: pieces } = await decompress(source.chunks(progress, signal))
    for await (const piece of pieces) {
      // Uncompressed, the two hashes are one.
      if (compression !== 'none') content.update(piece)
      reader.push(piece)
    }
    reader.finish(whole)
    if (!whole) kind.refuseImages()
    const digest = source.digest()
    return { digest, diffID: compression === 'none' ? digest : `sha256:${content.digest('hex')}` }
  } finally {
    await source.close()
  }
}
