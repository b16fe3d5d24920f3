/**
 * A refusal told to a person: what the library throws and the command line prints as one line. It stands at the bottom
 * so that every folder whose work ends at a command can say what is wrong in its own words; the engine, which answers
 * the kernel, returns error numbers instead (base/errno).
 */

/** A refusal: `message` names option and path and says what to do. */
export class StratafsError extends Error {
  override readonly name = 'StratafsError'
}
