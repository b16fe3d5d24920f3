/** What `stratafs apply` does: unpacks with a progress bar, is ended cleanly by a signal, and tells what came of it. */
import { pathBytes, printable, shown } from '../../base/text.js'
import { apply, type PolicyOptions, type Unpacked } from '../../library/layers.js'
import { printDocument } from '../documents/documents.js'
import type { ApplyDocument } from '../documents/layers.js'
import { Exit, printError } from '../terminal/errors.js'
import { interruptible } from '../terminal/interruptible.js'
import { writeOut } from '../terminal/output.js'
import { absolutePath, isStandardInput } from '../terminal/paths.js'
import { progressBar } from '../terminal/progress.js'
import { sizeText } from '../terminal/units.js'

/** The command's arguments; paths are latin1. */
export interface ApplyArguments {
  readonly archive: string
  readonly directory: string
  readonly digest: string | undefined
  readonly diffID: string | undefined
  readonly wishes: PolicyOptions
  readonly sync: boolean
  readonly json: boolean
}

/** Unpacks; the exit code. */
export async function runApply(given: ApplyArguments): Promise<number> {
  const directory = absolutePath(given.directory)
  const bar = progressBar(printable(shown(isStandardInput(given.archive) ? 'unpacking' : given.archive)))
  const result = await interruptible((signal) =>
    apply(pathBytes(given.archive), pathBytes(directory), {
      ...given.wishes,
      digest: given.digest,
      diffID: given.diffID,
      volatile: !given.sync,
      progress: bar.show,
      signal,
    }).finally(bar.clear),
  )
  if (typeof result === 'number') return result
  for (const note of result.notes) printError(note)
  if (given.json) return printDocument('apply', documentOf(directory, result))
  writeOut(wordsOf(given, result))
  return Exit.DONE
}

function documentOf(directory: string, result: Unpacked): ApplyDocument {
  return { schemaVersion: 1, directory: shown(directory), ...result, implied: result.implied.map(shown) }
}

function wordsOf({ directory }: ApplyArguments, result: Unpacked): string {
  const { entries, bytes, whiteouts, digest, diffID } = result
  const hidden = whiteouts === 0 ? '' : `, ${whiteouts} whiteout${whiteouts === 1 ? '' : 's'}`
  const what = `${printable(shown(directory))}: ${entries} entries, ${sizeText(bytes)}${hidden}`
  return `${what}\ndigest ${digest}\ndiffID ${diffID}\n`
}
