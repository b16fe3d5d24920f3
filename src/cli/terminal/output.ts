/**
 * All that commands print goes through here, and arrives in full or is an error: a full disk must not look like
 * success. Node's own streams lose the rest of a short write to a file, and their errors come after the process has
 * ended.
 */
import { writeSync } from 'node:fs'
import { isatty } from 'node:tty'
import { caller } from '../../base/caller.js'
import { errorWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'

const STDOUT = 1
const STDERR = 2
const PLAIN_COLUMNS = 80
/** How long to wait for a reader of a pipe that is full and does not block. */
const PAUSE_MS = 5

let isErrorOutputLost = false

/**
 * Prints to standard output. Throws StratafsError when it cannot be written; a reader that has had enough ends the
 * process.
 */
export function writeOut(text: string | Uint8Array): void {
  const error = writeAll(STDOUT, text)
  if (error === null) return
  if ((error as NodeJS.ErrnoException).code === 'EPIPE') process.exit(1)
  throw new StratafsError(`standard output cannot be written: ${errorWords(error)}`)
}

/** Prints to standard error. There is nobody to be told when that fails; the exit code says so (`exitCodeOf`). */
export function writeErr(text: string): void {
  if (writeAll(STDERR, text) !== null) isErrorOutputLost = true
}

/** The exit code of a command that ended with `code`: a failure, too, where a word to standard error was lost. */
export function exitCodeOf(code: number): number {
  return code === 0 && isErrorOutputLost ? 1 : code
}

/** Whether a person at a terminal reads standard output. */
export function isTerminal(): boolean {
  return isatty(STDOUT)
}

/** How wide standard output is, in columns: a terminal's width, else 80. */
export function outputColumns(): number {
  // The stream is made on a terminal only: of a pipe it would change how it is written to.
  return (isTerminal() ? process.stdout.columns : 0) || PLAIN_COLUMNS
}

/** Null once everything is written, else why not. */
function writeAll(fd: 1 | 2, text: string | Uint8Array): unknown {
  const other = caller.getStore()
  if (other !== undefined) {
    other.print(fd, text)
    return null
  }
  let rest = typeof text === 'string' ? Buffer.from(text, 'utf8') : text
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS)
    }
  }
  return null
}
