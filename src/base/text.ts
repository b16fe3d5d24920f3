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

/**
 * For a terminal, on one line: what would move the cursor, hide, turn the reading direction or end the line as
 * `\\u001b`. `text` is ordinary JavaScript text.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, codeUnits)
}

/** Each UTF-16 unit as JSON writes it. */
export function codeUnits(text: string): string {
  return [...Array(text.length).keys()].map((i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')
}
