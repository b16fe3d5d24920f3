/**
 * The one shape of failure above the engine: what is wrong, a code for programs, and what to do. The library and the
 * commands throw it. Steps of a mount return it where the caller has something to undo or another way to try: their
 * type says so (`T | StratafsError`). It stands at the bottom so that every folder whose work ends at a command can use
 * its own words. The engine, which answers the kernel, returns error numbers instead (base/errno).
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

/** A StratafsError on its way to another thread or process. */
export interface FailureRecord {
  readonly error: string
  readonly code: FailureCode
  readonly remedy: string | null
}

/** A refusal: `message` is `FAULT: REMEDY`, one sentence that names option and path. */
export class StratafsError extends Error {
  override readonly name = 'StratafsError'

  constructor(
    /** What is wrong. */
    readonly fault: string,
    readonly code: FailureCode = 'FAILED',
    /** What to do; null where nothing can be said. */
    readonly remedy: string | null = null,
  ) {
    super(remedy === null ? fault : `${fault}: ${remedy}`)
  }

  /** One process may hold two copies of this class: the joined files of scripts/bundle-dist.ts have their own. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof Error && value.name === 'StratafsError'
  }

  /** The same failure of `what`: its name comes first. */
  of(what: string): StratafsError {
    return new StratafsError(`${what}: ${this.fault}`, this.code, this.remedy)
  }

  /** The same in other words: the engine's are latin1, a person's are not. */
  map(words: (text: string) => string): StratafsError {
    return new StratafsError(words(this.fault), this.code, this.remedy === null ? null : words(this.remedy))
  }

  /** What JSON.stringify and a message take; `failureFrom` is the way back. */
  toJSON(): FailureRecord {
    return { error: this.fault, code: this.code, remedy: this.remedy }
  }
}

/** The failure that another thread or process told of. */
export function failureFrom({ error, code, remedy }: FailureRecord): StratafsError {
  return new StratafsError(error, code, remedy)
}
