/**
 * One header block of a tar, as every dialect writes it: v7, ustar (POSIX), GNU. Names stay bytes (latin1 strings).
 * Numbers are octal text or, where that is too short, base-256. What is not a number is refused: a reader that guesses
 * a size reads the next header from the middle of somebody's file. Pure.
 *
 *     name 100 @0 · mode 8 @100 · uid 8 @108 · gid 8 @116 · size 12 @124 · mtime 12 @136 · checksum 8 @148 ·
 *     type 1 @156 · linkname 100 @157 · magic 8 @257 · uname 32 @265 · gname 32 @297 · major 8 @329 · minor 8 @337 ·
 *     prefix 155 @345
 */

export const BLOCK = 512

export interface RawHeader {
  /** With the prefix, where the dialect has one. */
  readonly name: string
  readonly linkname: string
  /** The type flag as a character; NUL is `0`. */
  readonly flag: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly mtime: number
  readonly uname: string
  readonly gname: string
  readonly major: number
  readonly minor: number
}

/** Whether every byte of `block` from `from` up to `to` is zero. */
export function isZero(block: Uint8Array, from = 0, to = block.length): boolean {
  for (let i = from; i < to; i++) if (block[i] !== 0) return false
  return true
}

/** Whether the block's own checksum is right, counted with unsigned bytes, or signed ones as some old programs did. */
export function checksumMatches(block: Uint8Array): boolean {
  let unsigned = 8 * 0x20
  let high = 0
  for (let i = 0; i < BLOCK; i++) {
    if (i >= 148 && i < 156) continue
    unsigned += block[i]!
    if (block[i]! > 127) high++
  }
  const stated = numberAt(block, 148, 8)
  return stated === unsigned || stated === unsigned - high * 256
}

/** The fields of a header, or the word for what is no number. */
export function parseHeader(block: Buffer): RawHeader | string {
  const magic = block.toString('latin1', 257, 263)
  const isPosix = magic === 'ustar\0'
  const modern = isPosix || magic === 'ustar '
  const device = (at: number) => (modern ? numberAt(block, at, 8) : 0)
  const numbers = {
    mode: numberAt(block, 100, 8),
    uid: numberAt(block, 108, 8),
    gid: numberAt(block, 116, 8),
    size: numberAt(block, 124, 12),
    mtime: numberAt(block, 136, 12),
    major: device(329),
    minor: device(337),
  }
  for (const [field, value] of Object.entries(numbers)) if (value === null) return field
  const prefix = isPosix ? textAt(block, 345, 155) : ''
  const name = textAt(block, 0, 100)
  return {
    ...(numbers as Record<keyof typeof numbers, number>),
    name: prefix === '' ? name : `${prefix}/${name}`,
    linkname: textAt(block, 157, 100),
    flag: block[156] === 0 ? '0' : String.fromCharCode(block[156]!),
    uname: modern ? textAt(block, 265, 32) : '',
    gname: modern ? textAt(block, 297, 32) : '',
  }
}

/** Bytes up to the first NUL. */
export function textAt(block: Buffer, at: number, length: number): string {
  let end = at
  while (end < at + length && block[end] !== 0) end++
  return block.toString('latin1', at, end)
}

/** A number field; null where it holds no number, or one that JavaScript cannot hold. Blank is 0. */
export function numberAt(block: Uint8Array, at: number, length: number): number | null {
  if ((block[at]! & 0x80) !== 0) return base256(block, at, length)
  let i = at
  const end = at + length
  while (i < end && (block[i] === 0x20 || block[i] === 0)) i++
  let value = 0
  for (; i < end && block[i] !== 0x20 && block[i] !== 0; i++) {
    const digit = block[i]! - 0x30
    if (digit < 0 || digit > 7) return null
    value = value * 8 + digit
  }
  return Number.isSafeInteger(value) ? value : null
}

/** Two's complement, big endian; the first bit only says that it is one. */
function base256(block: Uint8Array, at: number, length: number): number | null {
  const negative = (block[at]! & 0x40) !== 0
  let value = BigInt(block[at]! & 0x7f) - (negative ? 0x80n : 0n)
  for (let i = at + 1; i < at + length; i++) value = value * 256n + BigInt(block[i]!)
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : null
}
