/**
 * Paths and names are bytes, carried as latin1 strings. Here are the three places where they meet the outside: what a
 * reader sees (UTF-8, where it is that), what JavaScript callers hand in, and what Node's own fs functions take.
 */

/** For a reader or for JSON: the bytes as UTF-8, U+FFFD for what is none. */
export function shown(name: string): string {
  return Buffer.from(name, 'latin1').toString('utf8')
}

/** Ordinary JavaScript text as the latin1 string of its UTF-8 bytes. */
export function fromText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** For Node's fs functions, which take paths as bytes. */
export function pathBytes(name: string): Buffer {
  return Buffer.from(name, 'latin1')
}
