/**
 * How the command line speaks of failure: one line on standard error that begins with the program's name, and an exit
 * code.
 */
import { sourceStack } from '../../base/source-stack.js'
import { printable } from '../../base/text.js'
import { exitCodeOf, writeErr } from './output.js'

/** Exit codes: the thing could not be done; it was asked for in the wrong way. */
export const Exit = { DONE: 0, FAILED: 1, USAGE: 2 } as const

/** Prints `stratafs: WORDS`, one line whatever names are in it. */
export function printError(words: string): void {
  writeErr(`stratafs: ${printable(words)}\n`)
}

/** The exit code of `action`: an error it throws is told in one line. */
export async function told(action: () => Promise<number>): Promise<number> {
  try {
    return exitCodeOf(await action())
  } catch (error) {
    const known = error instanceof Error && error.name === 'StratafsError'
    if (known) printError(error.message)
    else writeErr(`stratafs: unexpected: ${sourceStack(error).split('\n').map(printable).join('\n')}\n`)
    return Exit.FAILED
  }
}
