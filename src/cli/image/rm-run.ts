/** What `stratafs image rm` does. One image that cannot be removed does not keep the others. */
import { StratafsError } from '../../base/failure.js'
import { printable } from '../../base/text.js'
import { referenceText } from '../../oci/store/images.js'
import { type Removal, removeImage, removeRecord } from '../../oci/store/remove.js'
import { LayerStore } from '../../oci/store/store.js'
import { Exit, printError } from '../terminal/errors.js'
import { writeOut } from '../terminal/output.js'
import { referenceOf, resolvedPath, storePath } from '../terminal/paths.js'
import { jsonText } from '../terminal/print.js'
import { sizeText } from '../terminal/units.js'

export interface ImageRmArguments {
  readonly images: readonly string[]
  readonly store: string | undefined
  readonly json: boolean
}

/** Removes; the exit code. */
export async function runImageRm(given: ImageRmArguments): Promise<number> {
  const store = LayerStore.open(storePath(given.store))
  const removed: Removal[] = []
  let code: number = Exit.DONE
  for (const image of given.images) {
    try {
      removed.push(await removeOne(image, store))
    } catch (error) {
      if (!(error instanceof StratafsError)) throw error
      printError(error.message)
      code = Exit.FAILED
    }
  }
  if (given.json) writeOut(jsonText(removed))
  else for (const each of removed) writeOut(wordsOf(each))
  return code
}

/** The layout, or its tag, may be gone while the store still has the layers: then the name is enough. */
async function removeOne(image: string, store: LayerStore): Promise<Removal> {
  try {
    return await removeImage(referenceOf(image), store, { waits: printError })
  } catch (error) {
    const colon = image.lastIndexOf(':')
    if (!(error instanceof StratafsError) || colon <= 0 || !/is no OCI image layout| has no image /.test(error.message))
      throw error
    const name = referenceText({ layout: resolvedPath(image.slice(0, colon)), tag: image.slice(colon + 1) })
    const removal = await removeRecord(name, store, { waits: printError })
    if (removal === null) throw error
    return removal
  }
}

function wordsOf({ reference, blobs, bytes, layers }: Removal): string {
  const count = (number: number, word: string) => `${number} ${word}${number === 1 ? '' : 's'}`
  const gone = `${count(blobs.length, 'blob')} (${sizeText(bytes)}), ${count(layers.length, 'unpacked layer')}`
  return `removed ${printable(reference)}: ${gone}\n`
}
