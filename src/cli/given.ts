/** What the descriptions of commands share: how yargs hands over an option that may be given several times, and the outcome. */
import type { Argv } from 'yargs'

/** What the command returned; a usage error unless one ran. */
export interface Outcome {
  code: number
}

/** Adds one command to the parser. */
export type Add = (parser: Argv, outcome: Outcome) => Argv

export function list(given: string | string[] | undefined): string[] {
  return given === undefined ? [] : [given].flat()
}

/** Of an option that is given again the last one counts. */
export function last(given: string | string[] | undefined): string | undefined {
  return list(given).at(-1)
}
