/** What a template (template.ts) says about one document, with the functions that Docker's `--format` has. Pure. */
import { type Operand, type Part, type Pipe, parseTemplate, TemplateError } from './template.js'

type Run = (...values: readonly unknown[]) => unknown

const FUNCTIONS: Readonly<Record<string, Run>> = {
  json: (value) => JSON.stringify(value ?? null),
  len: (value) => lengthOf(value),
  index: (value, ...keys) => keys.reduce((so, key) => entryOf(so, key), value),
  join: (list, separator) => listOf(list).map(plain).join(textOf(separator)),
  split: (text, separator) => textOf(text).split(textOf(separator)),
  lower: (text) => textOf(text).toLowerCase(),
  upper: (text) => textOf(text).toUpperCase(),
  title: (text) => textOf(text).replace(/(^|\s)\S/g, (first) => first.toUpperCase()),
  println: (...values) => `${values.map(plain).join(' ')}\n`,
  truncate: (text, length) => [...textOf(text)].slice(0, Number(length)).join(''),
  eq: (value, ...others) => others.some((other) => other === value),
  ne: (value, other) => value !== other,
  not: (value) => !isTrue(value),
  and: (...values) => values.find((value) => !isTrue(value)) ?? values.at(-1),
  or: (...values) => values.find(isTrue) ?? values.at(-1),
}

/** Operands each has to get, at least and at most. */
const COUNTS: Readonly<Record<string, readonly [least: number, most: number]>> = {
  json: [1, 1],
  len: [1, 1],
  index: [2, 9],
  join: [2, 2],
  split: [2, 2],
  lower: [1, 1],
  upper: [1, 1],
  title: [1, 1],
  println: [0, 9],
  truncate: [2, 2],
  eq: [2, 9],
  ne: [2, 2],
  not: [1, 1],
  and: [1, 9],
  or: [1, 9],
}

const NAMES: ReadonlySet<string> = new Set(Object.keys(FUNCTIONS))

/** Reads a template once; what it returns gives the text for a document. Both throw TemplateError. */
export function compileTemplate(source: string): (document: unknown) => string {
  const parts = parseTemplate(source, NAMES)
  return (document) => runParts(parts, { root: document, at: document })
}

interface Scope {
  readonly root: unknown
  /** What `.` is. */
  readonly at: unknown
}

function runParts(parts: readonly Part[], scope: Scope): string {
  return parts.map((part) => runPart(part, scope)).join('')
}

function runPart(part: Part, scope: Scope): string {
  if (part.kind === 'text') return part.text
  const value = runPipe(part.pipe, scope)
  if (part.kind === 'print') return plain(value)
  if (part.kind === 'range') return runRange(part.then, part.otherwise, value, scope)
  const inner = part.kind === 'with' ? { ...scope, at: value } : scope
  return isTrue(value) ? runParts(part.then, inner) : runParts(part.otherwise, scope)
}

function runRange(then: readonly Part[], otherwise: readonly Part[], value: unknown, scope: Scope): string {
  const items = listOf(value)
  if (items.length === 0) return runParts(otherwise, scope)
  return items.map((at) => runParts(then, { ...scope, at })).join('')
}

function runPipe(pipe: Pipe, scope: Scope): unknown {
  let value: unknown
  for (const [i, { name, operands }] of pipe.entries()) {
    const values = operands.map((operand) => operandValue(operand, scope))
    if (i > 0) values.push(value)
    value = name === null ? values[0] : call(name, values)
  }
  return value
}

function call(name: string, values: readonly unknown[]): unknown {
  const [least, most] = COUNTS[name]!
  if (values.length < least || values.length > most) {
    throw new TemplateError(`${name} takes ${least === most ? least : `${least} or more`} values, not ${values.length}`)
  }
  return FUNCTIONS[name]!(...values)
}

function operandValue(operand: Operand, scope: Scope): unknown {
  if (operand.kind === 'literal') return operand.value
  const from = operand.kind === 'group' ? runPipe(operand.pipe, scope) : operand.root ? scope.root : scope.at
  let value = from
  for (const [depth, step] of operand.path.entries()) value = member(value, step, operand.path.slice(0, depth))
  return value
}

/** The member `step` of `value`. Throws TemplateError with those there are. */
export function member(value: unknown, step: string, before: readonly string[]): unknown {
  if (typeof value === 'object' && value !== null && Object.hasOwn(value, step)) {
    return (value as Record<string, unknown>)[step]
  }
  const where = before.length === 0 ? 'the document' : before.join('.')
  const keys = typeof value === 'object' && value !== null ? Object.keys(value) : []
  throw new TemplateError(`no ${step} in ${where}${keys.length === 0 ? '' : `, which has ${keys.join(', ')}`}`)
}

function entryOf(value: unknown, key: unknown): unknown {
  if (Array.isArray(value) && typeof key === 'number' && (key < 0 || key >= value.length)) {
    throw new TemplateError(`index ${key} is not in a list of ${value.length}`)
  }
  if (Array.isArray(value) && typeof key !== 'number')
    throw new TemplateError(`index of a list is a number, not ${plain(key)}`)
  return member(value, String(key), [])
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (typeof value === 'object' && value !== null) return Object.keys(value).length
  throw new TemplateError(`len of ${plain(value)}, which has no length`)
}

function listOf(value: unknown): readonly unknown[] {
  if (value === null || value === undefined) return []
  if (Array.isArray(value)) return value
  if (typeof value === 'object')
    return Object.keys(value)
      .sort()
      .map((key) => (value as Record<string, unknown>)[key])
  throw new TemplateError(`${plain(value)} is no list`)
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  throw new TemplateError(`${plain(value)} is no text`)
}

/** As Go has it: nothing, zero, and what is empty are false. */
function isTrue(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0
  return value !== null && value !== undefined && value !== '' && value !== 0 && value !== false
}

/** As it is printed: text as it is, all else as JSON. */
function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null)
}
