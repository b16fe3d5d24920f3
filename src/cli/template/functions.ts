/** The functions that a template may call: Go's own, and those that Docker adds. Pure. */
import { sprintf } from './printf.js'
import { TemplateError } from './tree.js'
import { Header, integerOf, isTrue, kindOf, member, plain, textOf } from './values.js'

type Run = (...values: readonly unknown[]) => unknown

interface Known {
  readonly run: Run
  /** How many operands it has to get. */
  readonly least: number
  readonly most: number
}

const ANY = Number.POSITIVE_INFINITY

function takes(least: number, most: number, run: Run): Known {
  return { run, least, most }
}

const FUNCTIONS: Readonly<Record<string, Known>> = {
  // Docker's.
  json: takes(1, 1, (value) => JSON.stringify(value ?? null)),
  join: takes(2, 2, (list, separator) => joined(list, textOf(separator))),
  split: takes(2, 2, (text, separator) =>
    textOf(separator) === '' ? [...textOf(text)] : textOf(text).split(textOf(separator)),
  ),
  lower: takes(1, 1, (text) => textOf(text).toLowerCase()),
  upper: takes(1, 1, (text) => textOf(text).toUpperCase()),
  title: takes(1, 1, (text) => titled(textOf(text))),
  truncate: takes(2, 2, (text, length) => [...textOf(text)].slice(0, Math.max(0, integerOf(length))).join('')),
  pad: takes(3, 3, padded),
  // Go's.
  len: takes(1, 1, lengthOf),
  index: takes(1, ANY, (value, ...keys) => keys.reduce((so, key) => entryOf(so, key), value)),
  slice: takes(1, 3, sliced),
  print: takes(0, ANY, printed),
  println: takes(0, ANY, (...values) => `${values.map(plain).join(' ')}\n`),
  printf: takes(1, ANY, (format, ...values) => sprintf(textOf(format), values)),
  html: takes(0, ANY, (...values) => printed(...values).replace(/[&<>"'\0]/g, (letter) => HTML[letter]!)),
  urlquery: takes(0, ANY, (...values) => new URLSearchParams({ '': printed(...values) }).toString().slice(1)),
  not: takes(1, 1, (value) => !isTrue(value)),
  // With all their operands; `run.ts` stops at the first that settles it.
  and: takes(1, ANY, (...values) => values.find((value) => !isTrue(value)) ?? values.at(-1)),
  or: takes(1, ANY, (...values) => values.find(isTrue) ?? values.at(-1)),
  eq: takes(2, ANY, (value, ...others) => others.some((other) => isSame(value, other))),
  ne: takes(2, 2, (value, other) => !isSame(value, other)),
  lt: takes(2, 2, (a, b) => order(a, b) < 0),
  le: takes(2, 2, (a, b) => order(a, b) <= 0),
  gt: takes(2, 2, (a, b) => order(a, b) > 0),
  ge: takes(2, 2, (a, b) => order(a, b) >= 0),
}

export const FUNCTION_NAMES: ReadonlySet<string> = new Set(Object.keys(FUNCTIONS))

/** Those that change a header: in the line of headers they leave it as it is. */
const OF_HEADERS: ReadonlySet<string> = new Set(['print', 'println', 'printf', 'pad'])

/** What `name` makes of `values`. Throws TemplateError. */
export function callFunction(name: string, values: readonly unknown[]): unknown {
  const { run, least, most } = FUNCTIONS[name]!
  if (values.length < least || values.length > most) {
    const count = least === most ? least : most === ANY ? `${least} or more` : `${least} to ${most}`
    throw new TemplateError(`${name} takes ${count} values, not ${values.length}`)
  }
  const header = values.find((value) => value instanceof Header)
  if (header === undefined) return run(...values)
  return OF_HEADERS.has(name) ? run(...values.map((each) => (each instanceof Header ? each.text : each))) : header
}

const HTML: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
  '\0': '\ufffd',
}

function joined(list: unknown, separator: string): string {
  if (list === null || list === undefined) return ''
  if (Array.isArray(list)) return list.map(plain).join(separator)
  if (typeof list === 'object') return Object.values(list).map(plain).sort().join(separator)
  throw new TemplateError(`join of ${plain(list)}, which is no list`)
}

/** As Go's strings.Title: a letter begins a word after anything of ASCII but letters, digits and `_`. */
function titled(text: string): string {
  return text.replace(
    /(^|[\0-/:-@[-^`{-\x7f]|\s)(\p{L})/gu,
    (_, before: string, letter: string) => before + letter.toUpperCase(),
  )
}

function padded(text: unknown, before: unknown, after: unknown): string {
  const [left, right] = [integerOf(before), integerOf(after)]
  if (Math.max(left, right) > 10_000 || Math.min(left, right) < 0)
    throw new TemplateError('pad takes 0 to 10000 blanks')
  return textOf(text) === '' ? '' : ' '.repeat(left) + textOf(text) + ' '.repeat(right)
}

/** As fmt.Sprint: blanks where neither side is text. */
function printed(...values: readonly unknown[]): string {
  const isText = (value: unknown) => typeof value === 'string'
  return values
    .map((value, i) => (i > 0 && !isText(value) && !isText(values[i - 1]) ? ' ' : '') + plain(value))
    .join('')
}

function entryOf(value: unknown, key: unknown): unknown {
  const isList = Array.isArray(value) || typeof value === 'string'
  if (isList && typeof key !== 'number') throw new TemplateError(`index of a list is a number, not ${plain(key)}`)
  if (isList && (!Number.isInteger(key) || (key as number) < 0 || (key as number) >= value.length))
    throw new TemplateError(`index ${plain(key)} is not in a list of ${value.length}`)
  if (typeof value === 'string') return Buffer.from(value)[key as number]
  if (Array.isArray(value)) return value[key as number]
  // What a map does not hold is nothing, and no error: as docker's users ask for labels.
  if (value === null || value === undefined) return undefined
  if (typeof value !== 'object') throw new TemplateError(`index of ${plain(value)}, which is ${kindOf(value)}`)
  return Object.hasOwn(value, String(key)) ? member(value, String(key), []) : undefined
}

function sliced(value: unknown, ...bounds: readonly unknown[]): unknown {
  if (typeof value !== 'string' && !Array.isArray(value))
    throw new TemplateError(`slice of ${plain(value)}, which is no list`)
  const whole = typeof value === 'string' ? Buffer.from(value) : value
  const [from, to] = [integerOf(bounds[0] ?? 0), integerOf(bounds[1] ?? whole.length)]
  if (from < 0 || to > whole.length || from > to)
    throw new TemplateError(`slice ${from} to ${to} is not in a list of ${whole.length}`)
  return Buffer.isBuffer(whole) ? whole.subarray(from, to).toString('utf8') : whole.slice(from, to)
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (typeof value === 'object' && value !== null) return Object.keys(value).length
  throw new TemplateError(`len of ${plain(value)}, which has no length`)
}

function isSame(a: unknown, b: unknown): boolean {
  const nothing = [a, b].some((value) => value === null || value === undefined)
  if (nothing) return (a ?? null) === (b ?? null)
  if (typeof a === typeof b && typeof a !== 'object') return a === b
  throw new TemplateError(`${kindOf(a)} and ${kindOf(b)} cannot be compared: ${plain(a)}, ${plain(b)}`)
}

function order(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b))
  throw new TemplateError(`${kindOf(a)} and ${kindOf(b)} have no order: ${plain(a)}, ${plain(b)}`)
}
