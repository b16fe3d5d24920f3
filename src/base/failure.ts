/**
 * A refusal told to a person: what the library throws and the command line prints as one line. It stands at the bottom
 * so that every folder whose work ends at a command can say what is wrong in its own words; the engine, which answers
 * the kernel, returns error numbers instead (base/errno).
 */

/** What kind of refusal it is, for a program; docs/library.md says what each means. */
export type FailureCode =
  | 'FAILED'
  | 'INVALID_ARGUMENT'
  | 'NOT_FOUND'
  | 'EXISTS'
  | 'IN_USE'
  | 'NOT_A_MOUNT'
  | 'MOUNT_REFUSED'
  | 'DAEMON_DEAD'
  | 'DAEMON_SILENT'
  | 'DAMAGED'
  | 'MISSING_PROGRAM'
  | 'CHANGED_MEANWHILE'

/** The first words of a remedy. */
const VERBS =
  'build|chmod|choose|close|commit|end|free|give|install|leave|load|make|mount|move|name(?! is)|pipe|put|remount|' +
  'remove|run|say|take|try|unmount|use|with --|write'

/**
 * A message is `WHAT IS WRONG: WHAT TO DO`: a sentence is written once, and what to do is found in it. It comes after
 * the first colon or semicolon that one of these words follows.
 */
const REMEDY = new RegExp(`[:;] ((?:${VERBS})\\b.*)$`, 's')

/** A refusal: `message` names option and path and says what to do. */
export class StratafsError extends Error {
  override readonly name = 'StratafsError'

  constructor(
    message: string,
    readonly code: FailureCode = 'FAILED',
  ) {
    super(message)
  }

  /** What to do, in the words of `message`; null where nothing can be said. */
  get remedy(): string | null {
    return REMEDY.exec(this.message)?.[1] ?? null
  }
}
