/** What `stratafs apply` does: unpacks with a progress bar, is ended cleanly by a signal, and tells what came of it. */
import { printable, shown } from '../base/text.js'
import { type PolicyWishes, policyOf } from '../oci/apply-policy.js'
import { type Unpacked, unpack } from '../oci/unpack.js'
import { isStandardInput } from '../oci/unpack-source.js'
import { currentDirectory } from './arguments.js'
import { complain, Exit } from './complain.js'
import { jsonText } from './print.js'
import { bytesText, progressBar } from './progress.js'

/** The command's arguments; paths are latin1. */
export interface ApplyArguments {
  readonly archive: string
  readonly directory: string
  readonly digest: string | undefined
  readonly diffID: string | undefined
  readonly wishes: PolicyWishes
  readonly sync: boolean
  readonly json: boolean
}

/** `path` (latin1) from the current directory. */
export function absolutePath(path: string): string {
  return path.startsWith('/') ? path : `${currentDirectory()}/${path}`
}

/** Unpacks; the exit code. */
export async function runApply(given: ApplyArguments): Promise<number> {
  const directory = absolutePath(given.directory)
  const bar = progressBar(printable(shown(isStandardInput(given.archive) ? 'unpacking' : given.archive)))
  const result = await interruptible((signal) =>
    unpack({
      archive: given.archive,
      directory,
      policy: policyOf(given.wishes),
      digest: given.digest,
      diffID: given.diffID,
      sync: given.sync,
      progress: bar.show,
      signal,
    }).finally(bar.clear),
  )
  if (typeof result === 'number') return result
  for (const note of result.notes) complain(note)
  process.stdout.write(given.json ? jsonText(documentOf(directory, result)) : wordsOf(given, result))
  return Exit.DONE
}

function documentOf(directory: string, result: Unpacked) {
  return { directory: shown(directory), ...result, implied: result.implied.map(shown) }
}

function wordsOf({ directory }: ApplyArguments, result: Unpacked): string {
  const { entries, bytes, whiteouts, digest, diffID } = result
  const hidden = whiteouts === 0 ? '' : `, ${whiteouts} whiteout${whiteouts === 1 ? '' : 's'}`
  return `${printable(shown(directory))}: ${entries} entries, ${bytesText(bytes)}${hidden}\ndigest ${digest}\ndiffID ${diffID}\n`
}

/** Runs `work` so that Ctrl-C and SIGTERM end it with everything cleaned up; then the exit code is what a shell expects. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T | number> {
  const abort = new AbortController()
  let code = 0
  const stop = (signal: NodeJS.Signals, number: number) => {
    code = 128 + number
    abort.abort(new Error(`ended by ${signal}`))
  }
  const onInt = () => stop('SIGINT', 2)
  const onTerm = () => stop('SIGTERM', 15)
  process.once('SIGINT', onInt).once('SIGTERM', onTerm)
  try {
    return await work(abort.signal)
  } catch (error) {
    if (code === 0) throw error
    complain('interrupted: nothing was left')
    return code
  } finally {
    process.off('SIGINT', onInt).off('SIGTERM', onTerm)
  }
}
