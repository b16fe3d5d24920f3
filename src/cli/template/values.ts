/** Values as Go's templates see them: what is true, how one is printed, what is in it. Pure. */
import { TemplateError } from './tree.js'

/** What stands for a value in the line of headers of a table: its field's name in words. */
export class Header {
  constructor(
    readonly text: string,
    /** Of fields that are called otherwise there. */
    readonly names: Readonly<Record<string, string>>,
  ) {}

  field(name: string): Header {
    return new Header(this.names[name] ?? wordsOf(name), this.names)
  }
}

/** `UPPER DIR` of `UpperDir`. */
function wordsOf(name: string): string {
  return name.replace(/(?<=[a-z\d])(?=[A-Z])/g, ' ').toUpperCase()
}

/** As Go has it: nothing, zero, and what is empty are false. */
export function isTrue(value: unknown): boolean {
  if (value instanceof Header) return true
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0
  return value !== null && value !== undefined && value !== '' && value !== 0 && value !== false
}

/** As `fmt.Print` prints it: `[a b]`, `map[k:v]`. */
export function plain(value: unknown): string {
  if (value === null) return '<no value>'
  return value === undefined ? '' : within(value)
}

function within(value: unknown): string {
  if (value === null || value === undefined) return '<nil>'
  if (value instanceof Header) return value.text
  if (Array.isArray(value)) return `[${value.map(within).join(' ')}]`
  if (typeof value === 'object')
    return `map[${sortedEntries(value)
      .map(([key, each]) => `${key}:${within(each)}`)
      .join(' ')}]`
  return String(value)
}

/** In the order in which Go goes through a map. */
export function sortedEntries(value: object): [string, unknown][] {
  return Object.entries(value).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

/** The member `step` of `value`. Throws TemplateError with those there are. */
export function member(value: unknown, step: string, before: readonly string[]): unknown {
  if (value instanceof Header) return value.field(step)
  if (typeof value === 'object' && value !== null && Object.hasOwn(value, step))
    return (value as Record<string, unknown>)[step]
  const where = before.length === 0 ? 'the document' : before.join('.')
  const keys = typeof value === 'object' && value !== null ? Object.keys(value) : []
  throw new TemplateError(`no ${step} in ${where}${keys.length === 0 ? '' : `, which has ${keys.join(', ')}`}`)
}

/** Kind of `value`, for messages. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'an object'
  return typeof value === 'string' ? 'text' : typeof value === 'number' ? 'a number' : 'true or false'
}

export function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  throw new TemplateError(`${plain(value)} is no text`)
}

export function integerOf(value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value)) return value
  throw new TemplateError(`${plain(value)} is no whole number`)
}
