/** What `stratafs image import` does. */
import { StratafsError } from '../../base/failure.js'
import { pathBytes, printable, shown } from '../../base/text.js'
import type { Compression } from '../../library/changes.js'
import { type Imported, importImage } from '../../library/image-import.js'
import { printDocument } from '../documents/documents.js'
import { Exit, printError } from '../terminal/errors.js'
import { interruptible } from '../terminal/interruptible.js'
import { writeOut } from '../terminal/output.js'
import { isStandardInput } from '../terminal/paths.js'
import { progressBar } from '../terminal/progress.js'
import { sizeText } from '../terminal/units.js'

export interface ImageImportArguments {
  readonly archive: string
  readonly image: string
  readonly compression: Compression | undefined
  readonly message: string | undefined
  readonly author: string | undefined
  readonly platform: string | undefined
  readonly changes: readonly string[]
  readonly timestamp: string | undefined
  readonly json: boolean
}

/** Imports; the exit code. */
export async function runImageImport(given: ImageImportArguments): Promise<number> {
  const created = timestampOf(given.timestamp ?? process.env.SOURCE_DATE_EPOCH)
  const bar = progressBar(printable(shown(isStandardInput(given.archive) ? 'importing' : given.archive)))
  const result = await interruptible((signal) =>
    importImage(pathBytes(given.archive), pathBytes(given.image), {
      compression: given.compression,
      comment: shown(given.message ?? ''),
      author: given.author === undefined ? undefined : shown(given.author),
      platform: given.platform,
      changes: given.changes.map(shown),
      created,
      progress: bar.show,
      signal,
      notice: printError,
    }).finally(bar.clear),
  )
  if (typeof result === 'number') return result
  if (given.json) {
    const { reference: image, ...imported } = result
    return printDocument('image import', { schemaVersion: 1, image, ...imported })
  }
  writeOut(wordsOf(result))
  return Exit.DONE
}

function timestampOf(text: string | undefined): Date {
  if (text === undefined || text === '') return new Date()
  const date = /^-?\d+$/.test(text) ? new Date(Number(text) * 1000) : new Date(text)
  if (!Number.isNaN(date.getTime())) return date
  throw new StratafsError(
    `timestamp ${shown(text)}`,
    'FAILED',
    'give seconds since 1970, or a time such as 2026-01-31T12:00:00Z',
  )
}

function wordsOf({ reference, manifest, digest, diffID, size, entries }: Imported): string {
  const what = `${printable(reference)}: ${entries} entries, ${sizeText(size)}`
  return `${what}\nmanifest ${manifest}\nlayer ${digest}\ndiffID ${diffID}\n`
}
