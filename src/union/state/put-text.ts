/** Latin1 text into bytes. Names are mostly short, and a loop is faster than a call into Node for those. */

const SHORT = 40

/** Puts at most `room` characters of `text` at `at`. */
export function putText(bytes: Buffer, text: string, at: number, room: number): void {
  const length = Math.min(text.length, room)
  if (length > SHORT) return void bytes.write(text, at, room, 'latin1')
  for (let i = 0; i < length; i++) bytes[at + i] = text.charCodeAt(i)
}
