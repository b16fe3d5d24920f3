/**
 * What a command of the command line is: a function that adds itself to a parser. Commands of few words stand together
 * in commands.ts; others have a file of their own, and a command with subcommands (`image`) is a list of them.
 */
import type { Argv } from 'yargs'

/** What the command returned; a usage error unless one ran. */
export interface Outcome {
  code: number
}

/** Adds a command to `parser`; when it is called it leaves its exit code in `outcome`. */
export type Add = (parser: Argv, outcome: Outcome) => Argv

/** An option that may be given several times. */
export function list(given: string | string[] | undefined): string[] {
  return given === undefined ? [] : [given].flat()
}

/** Of an option that is given again the last one counts. */
export function last(given: string | string[] | undefined): string | undefined {
  return list(given).at(-1)
}
