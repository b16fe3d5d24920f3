/** Go's printf, with the verbs that make sense for what JSON holds. What does not fit is an error. Pure. */
import { TemplateError } from './tree.js'
import { integerOf, kindOf, plain } from './values.js'

const VERB = /%([-+# 0]*)(\d+|\*)?(?:\.(\d+|\*)?)?([a-zA-Z%]|$)/g
const WIDEST = 10_000

interface Flags {
  readonly flags: string
  readonly width: number
  readonly precision: number | null
}

/** The text of `format` with `values` in it. Throws TemplateError. */
export function sprintf(format: string, values: readonly unknown[]): string {
  const rest = [...values]
  const next = (verb: string): unknown => {
    if (rest.length > 0) return rest.shift()
    throw new TemplateError(`printf ${JSON.stringify(format)} has no value for ${verb}`)
  }
  const text = format.replace(VERB, (verb, flags: string, width: string, precision: string, letter: string) => {
    if (letter === '') throw new TemplateError(`printf ${JSON.stringify(format)} ends within ${verb}`)
    if (letter === '%') return '%'
    const number = (given: string) => (given === '*' ? integerOf(next(verb)) : Number(given))
    const wide = width === undefined ? 0 : number(width)
    const dot = verb.includes('.')
    const exact = dot ? (precision === undefined ? 0 : number(precision)) : null
    if (Math.abs(wide) > WIDEST || (exact ?? 0) > WIDEST) throw new TemplateError(`${verb} is wider than ${WIDEST}`)
    // A width below 0 is one with a dash.
    const shape = { flags: wide < 0 ? `${flags}-` : flags, width: Math.abs(wide), precision: exact }
    return shaped(letter, next(verb), shape, verb)
  })
  if (rest.length > 0) throw new TemplateError(`printf ${JSON.stringify(format)} has no verb for ${plain(rest[0])}`)
  return text
}

function shaped(letter: string, value: unknown, shape: Flags, verb: string): string {
  if ('sqvxX'.includes(letter) && typeof value !== 'number')
    return filled(textOf(letter, value, shape, verb), shape, false)
  if (letter === 'v') return filled(signed(plain(value), shape), shape, true)
  if (letter === 't' && typeof value === 'boolean') return filled(String(value), shape, false)
  if ('dbocqxXU'.includes(letter) && typeof value === 'number') return integer(letter, integerOf(value), shape)
  if ('feEgG'.includes(letter) && typeof value === 'number')
    return filled(signed(fraction(letter, value, shape), shape), shape, true)
  throw new TemplateError(`${verb} of printf does not take ${kindOf(value)}: ${plain(value)}`)
}

function textOf(letter: string, value: unknown, { precision }: Flags, verb: string): string {
  if (letter === 'v') return plain(value)
  if (typeof value !== 'string' && letter !== 's')
    throw new TemplateError(`${verb} of printf takes text, not ${kindOf(value)}`)
  const text = precision === null ? plain(value) : [...plain(value)].slice(0, precision).join('')
  if (letter === 's') return text
  if (letter === 'q') return JSON.stringify(text)
  const hex = Buffer.from(text).toString('hex')
  return letter === 'x' ? hex : hex.toUpperCase()
}

const BASES: Readonly<Record<string, number>> = { d: 10, b: 2, o: 8, x: 16, X: 16 }
const PREFIXES: Readonly<Record<string, string>> = { o: '0', x: '0x', X: '0X', b: '0b' }

function integer(letter: string, value: number, shape: Flags): string {
  if (letter === 'c') return filled(letterOf(value), shape, false)
  if (letter === 'q') return filled(`'${letterOf(value)}'`, shape, false)
  if (letter === 'U') return filled(`U+${value.toString(16).toUpperCase().padStart(4, '0')}`, shape, false)
  const digits = Math.abs(value)
    .toString(BASES[letter]!)
    .padStart(shape.precision ?? 0, '0')
  const prefix = shape.flags.includes('#') ? (PREFIXES[letter] ?? '') : ''
  const text = `${value < 0 ? '-' : ''}${prefix}${letter === 'X' ? digits.toUpperCase() : digits}`
  return filled(signed(text, shape), shape, shape.precision === null)
}

function letterOf(code: number): string {
  if (code >= 0 && code <= 0x10ffff) return String.fromCodePoint(code)
  throw new TemplateError(`${code} is no letter`)
}

function fraction(letter: string, value: number, { precision }: Flags): string {
  const twoDigits = (text: string) => text.replace(/e([+-])(\d)$/, 'e$10$2')
  if (letter === 'f') return value.toFixed(Math.min(100, precision ?? 6))
  if (letter === 'g' || letter === 'G') {
    const text = precision === null ? String(value) : String(Number(value.toPrecision(Math.min(100, precision || 1))))
    return letter === 'g' ? twoDigits(text) : twoDigits(text).toUpperCase()
  }
  const text = twoDigits(value.toExponential(Math.min(100, precision ?? 6)))
  return letter === 'E' ? text.toUpperCase() : text
}

function signed(text: string, { flags }: Flags): string {
  if (/^[-+]/.test(text)) return text
  if (flags.includes('+')) return `+${text}`
  return flags.includes(' ') ? ` ${text}` : text
}

function filled(text: string, { flags, width }: Flags, isNumber: boolean): string {
  const missing = Math.max(0, width - [...text].length)
  if (flags.includes('-')) return text + ' '.repeat(missing)
  if (!flags.includes('0') || !isNumber) return ' '.repeat(missing) + text
  const [, sign, digits] = /^([-+ ]?(?:0[xXb])?)(.*)$/s.exec(text)!
  return sign + '0'.repeat(missing) + digits
}
