/**
 * A tar that is not compressed, read for its headers: the data of large files is leaped over, so that a listing costs
 * what the headers cost. Used for the archives that hold images, and for layers that are stored as they are.
 */
import { closeSync, readSync } from 'node:fs'
import { setImmediate as breathe } from 'node:timers/promises'
import type { TarSink } from '../../oci/tar/entry.js'
import { TarReader } from '../../oci/tar/reader.js'
import { openPart } from './read-part.js'
import type { BlobPart } from './types.js'

const WINDOW = 128 * 1024
/** Windows between two pauses in which others get their turn. */
const PACE = 16

/** Gives every entry of the tar at `part` to what `sinkOf` makes; of data some or none. Throws StratafsError. */
export async function skimTar(
  part: BlobPart,
  sinkOf: (reader: () => TarReader) => TarSink,
  seen?: (bytes: number) => void,
): Promise<void> {
  const fd = openPart(part)
  const reader: TarReader = new TarReader(sinkOf(() => reader))
  const window = Buffer.allocUnsafeSlow(WINDOW)
  try {
    for (let at = 0, turn = 1; at < part.length; turn++) {
      const length = readSync(fd, window, 0, Math.min(WINDOW, part.length - at), part.offset + at)
      if (length === 0) break
      reader.push(window.subarray(0, length))
      at += length
      if (reader.ahead > 0) {
        at += reader.ahead
        reader.skip()
      }
      seen?.(Math.min(at, part.length))
      if (turn % PACE === 0) await breathe()
    }
    reader.finish(true)
  } finally {
    closeSync(fd)
  }
}
