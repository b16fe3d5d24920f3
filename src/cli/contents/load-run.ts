/** What `stratafs image load` does: loads with a progress bar, and names the images. */
import { pathBytes, printable, shown } from '../../base/text.js'
import { loadImages } from '../../library/image-import.js'
import { printDocument } from '../documents/documents.js'
import { Exit, printError } from '../terminal/errors.js'
import { interruptible } from '../terminal/interruptible.js'
import { isStandardInput } from '../terminal/paths.js'
import { print } from '../terminal/print.js'
import { progressBar } from '../terminal/progress.js'

/** Loads; the exit code. */
export async function runImageLoad(archive: string, layout: string, json: boolean): Promise<number> {
  const bar = progressBar(printable(shown(isStandardInput(archive) ? 'loading' : archive)))
  const images = await interruptible((signal) =>
    loadImages(pathBytes(archive), pathBytes(layout), { progress: bar.show, signal, notice: printError }).finally(
      bar.clear,
    ),
  )
  if (typeof images === 'number') return images
  if (json) return printDocument('image load', { schemaVersion: 1, layout: shown(layout), images })
  for (const { tag, id } of images) print(`${tag}: ${id}`)
  return Exit.DONE
}
