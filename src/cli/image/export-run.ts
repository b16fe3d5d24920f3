/**
 * What `stratafs image export` does: an image's layers are unpacked to the store, as for a mount, and read there as one
 * tree.
 */
import { pathBytes } from '../../base/text.js'
import { exportImage } from '../../library/image-store.js'
import { printCommitted, timestampOf } from '../commands/commit-run.js'
import { isStandardInput } from '../terminal/paths.js'
import { progressBar } from '../terminal/progress.js'
import { type UnpackArguments, unpackOptions, withBar } from './unpack-run.js'

export interface ImageExportArguments extends UnpackArguments {
  readonly output: string
  readonly timestamp: string | undefined
}

/** Exports; the exit code. */
export async function runImageExport(given: ImageExportArguments): Promise<number> {
  const { image, output } = given
  const timestamp = timestampOf(given.timestamp)
  const bar = progressBar('writing the layer')
  const written = (bytes: number) => bar.show(bytes, null)
  const target = isStandardInput(output) ? 1 : pathBytes(output)
  const archive = await withBar((shown) =>
    exportImage(pathBytes(image), target, { ...unpackOptions(given), ...shown, timestamp, written }).finally(bar.clear),
  )
  return typeof archive === 'number' ? archive : printCommitted({ image: undefined, output, json: given.json }, archive)
}
