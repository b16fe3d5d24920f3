/** Standard output: text for a reader, and JSON for a program, the same way in every command. */
import { codeUnits, printable } from '../../base/text.js'
import { Exit, printError } from './errors.js'
import { formatFault, formatRows } from './format.js'
import { isTerminal, writeOut } from './output.js'

/** Prints `text`, escaped so that it is one line whatever names are in it, and a newline. */
export function print(text: string): void {
  writeOut(`${printable(text)}\n`)
}

/** Prints `lines` so. */
export function printLines(lines: readonly string[]): void {
  writeOut(lines.map((line) => `${printable(line)}\n`).join(''))
}

/** `value` as commands print it with --json, with a newline at its end; a terminal can show it whatever names hold. */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value, null, 2).replace(/[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/gu, codeUnits)
  return `${text}\n`
}

/** Prints `value` as JSON; the exit code. */
export function printJson(value: unknown): number {
  writeOut(jsonText(value))
  return Exit.DONE
}

/** Prints a value that was asked for by --format: as it is for a program, escaped on a terminal. */
export function printValue(text: string): void {
  if (isTerminal()) for (const line of text.split('\n')) print(line)
  else writeOut(`${text}\n`)
}

/** Prints a line for each of `rows` by `format`; the exit code. */
export function printRows(format: string, rows: readonly object[], headers?: Readonly<Record<string, string>>): number {
  const text = formatFault(format) === null ? formatRows(format, rows, headers) : { error: formatFault(format)! }
  if (typeof text !== 'string') {
    printError(text.error)
    return Exit.USAGE
  }
  if (isTerminal()) for (const line of text.split('\n').slice(0, -1)) print(line)
  else writeOut(text)
  return Exit.DONE
}
