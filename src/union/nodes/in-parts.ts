/** Going through many nodes while a mount is used: so many at a time that nobody waits for long. */

/** About a millisecond. */
const PART = 4096

/** Those of `all`, and a null after each part. */
export function* inParts<T>(all: Iterable<T>): Generator<T | null> {
  let seen = 0
  for (const each of all) {
    yield each
    if (++seen % PART === 0) yield null
  }
}
