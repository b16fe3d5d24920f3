/** What `stratafs image rm` does. One image that cannot be removed does not keep the others. */
import { StratafsError } from '../../base/failure.js'
import { pathBytes, printable } from '../../base/text.js'
import { type Removal, removeImage } from '../../library/image-store.js'
import { printDocument } from '../documents/documents.js'
import type { RemovedImage } from '../documents/images.js'
import { Exit, printError } from '../terminal/errors.js'
import { writeOut } from '../terminal/output.js'
import { sizeText } from '../terminal/units.js'

export interface ImageRmArguments {
  readonly images: readonly string[]
  readonly store: string | undefined
  readonly json: boolean
}

/** Removes; the exit code. */
export async function runImageRm(given: ImageRmArguments): Promise<number> {
  const store = given.store === undefined ? undefined : pathBytes(given.store)
  const removed: Removal[] = []
  let code: number = Exit.DONE
  for (const image of given.images) {
    try {
      removed.push(await removeImage(pathBytes(image), { store, notice: printError }))
    } catch (error) {
      if (!(error instanceof StratafsError)) throw error
      printError(error.message)
      code = Exit.FAILED
    }
  }
  if (given.json) printDocument('image rm', { schemaVersion: 1, removed: removed.map(told) })
  else for (const each of removed) writeOut(wordsOf(each))
  return code
}

function told({ reference: image, layers: unpacked, ...removal }: Removal): RemovedImage {
  return { image, ...removal, unpacked }
}

function wordsOf({ reference, blobs, bytes, layers }: Removal): string {
  const count = (number: number, word: string) => `${number} ${word}${number === 1 ? '' : 's'}`
  const gone = `${count(blobs.length, 'blob')} (${sizeText(bytes)}), ${count(layers.length, 'unpacked layer')}`
  return `removed ${printable(reference)}: ${gone}\n`
}
