/**
 * Words for the trace: one line per request and per reply, `rx 412 RENAME2 n7 {newdir:9 flags:NOREPLACE} "a" "b"`. Pure
 * functions from decoded arguments to text. Names are bytes everywhere else; here alone they are decoded for the
 * reader. Valid UTF-8 is shown as such, any other byte and every control character as an escape. So a line stays one
 * line, whatever a file is called.
 */

/** How a numeric argument is shown. */
export type Format = (value: number) => string

/** A family of bits, as flags.ts declares them. */
type FlagFamily = Readonly<Record<string, number>>

/** Shows the names of the set bits, and what is left over in hex; '0' for none. */
export function flagNames(family: FlagFamily): Format {
  return (value) => {
    const names: string[] = []
    let rest = value >>> 0
    for (const [name, bit] of Object.entries(family)) {
      if (bit === 0 || (value & bit) !== bit) continue
      names.push(name)
      rest = (rest & ~bit) >>> 0
    }
    if (rest !== 0) names.push(hex(rest))
    return names.length === 0 ? '0' : names.join('|')
  }
}

/** Permission and type bits, as stat(1) shows them: `0100644`. */
export const octal: Format = (value) => `0${value.toString(8)}`

/** `0x1f`. */
export const hex: Format = (value) => `0x${value.toString(16)}`

const strict = new TextDecoder('utf-8', { fatal: true })

/** A latin1-carried name for the eye: quoted, UTF-8 where it is UTF-8, escapes for the rest. */
export function quote(name: string): string {
  return `"${escapeControls(readable(name))}"`
}

function readable(name: string): string {
  try {
    return strict.decode(Buffer.from(name, 'latin1')).replaceAll('\\', '\\\\')
  } catch {
    return name.replace(/[\\\x80-\xff]/g, (byte) => (byte === '\\' ? '\\\\' : escapeByte(byte.charCodeAt(0))))
  }
}

function escapeControls(text: string): string {
  return text.replace(/["\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    character === '"' ? '\\"' : escapeByte(character.codePointAt(0)!),
  )
}

function escapeByte(code: number): string {
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
}

/**
 * Decoded arguments in one piece: numbers in braces with their names, then each string quoted, then bytes by length.
 */
export function printArguments(args: object, formats: Readonly<Record<string, Format>>): string {
  const fields: string[] = []
  const texts: string[] = []
  for (const [key, value] of Object.entries(args)) {
    if (typeof value === 'number') fields.push(`${key}:${formats[key]?.(value) ?? value}`)
    else if (typeof value === 'string') texts.push(quote(value))
    else if (value instanceof Uint8Array) texts.push(`(${value.length} bytes)`)
    else if (Array.isArray(value)) texts.push(`(${value.length})`)
  }
  const braces = fields.length === 0 ? [] : [`{${fields.join(' ')}}`]
  return [...braces, ...texts].join(' ')
}
