/** Standard output: text for a reader, and JSON for a program, the same way in every command. */
import { Exit } from './complain.js'

/** Prints `text` and a newline. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** `value` as commands print it with --json, with a newline at its end. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

/** Prints `value` as JSON; the exit code. */
export function printJson(value: unknown): number {
  process.stdout.write(jsonText(value))
  return Exit.DONE
}
