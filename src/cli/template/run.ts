/** What a template says about one document, and the line of headers that a table of it has. Pure. */
import { callFunction, FUNCTION_NAMES } from './functions.js'
import { parseTemplate } from './parse.js'
import {
  type Block,
  type Call,
  type Named,
  type Operand,
  type Part,
  type Pipe,
  type Template,
  TemplateError,
} from './tree.js'
import { Header, isTrue, member, plain, sortedEntries } from './values.js'

/** Templates that call one another; an honest one has two or three. */
const DEEPEST = 200

/** A template that was read. All throw TemplateError. */
interface Compiled {
  of(document: unknown): string
  /** The same for the names of its fields; `names` are those that are called otherwise. */
  headers(names: Readonly<Record<string, string>>): string
}

/** Reads a template. */
export function compileTemplate(source: string): Compiled {
  const template = parseTemplate(source, FUNCTION_NAMES)
  const of = (document: unknown) => new Run(template, document).text()
  return { of, headers: (names) => of(new Header('', names)) }
}

type Jump = 'break' | 'continue' | null

class Run {
  #out = ''
  /** The newest last; the first is the document, `$`. */
  #variables: { readonly name: string; value: unknown }[]
  #depth = 0

  constructor(
    private readonly template: Template,
    private readonly document: unknown,
  ) {
    this.#variables = [{ name: '', value: document }]
  }

  text(): string {
    this.#parts(this.template.parts, this.document)
    return this.#out
  }

  #parts(parts: readonly Part[], dot: unknown): Jump {
    const known = this.#variables.length
    let jump: Jump = null
    for (const part of parts) {
      jump = this.#part(part, dot)
      if (jump !== null) break
    }
    this.#variables.length = known
    return jump
  }

  #part(part: Part, dot: unknown): Jump {
    if (part.kind === 'break' || part.kind === 'continue') return part.kind
    if (part.kind === 'text') this.#out += part.text
    else if (part.kind === 'template') this.#named(part, dot)
    else if (part.kind === 'print') {
      const value = this.#pipe(part.pipe, dot)
      if (part.pipe.variables.length > 0) this.#assign(part.pipe, [value])
      else this.#out += plain(value)
    } else return this.#block(part, dot)
    return null
  }

  #block({ kind, pipe, then, otherwise }: Block, dot: unknown): Jump {
    const known = this.#variables.length
    const value = this.#pipe(pipe, dot)
    let jump: Jump = null
    if (kind === 'range') jump = this.#range(pipe, then, otherwise, value, dot)
    else {
      if (pipe.variables.length > 0) this.#assign(pipe, [value])
      jump = isTrue(value) ? this.#parts(then, kind === 'with' ? value : dot) : this.#parts(otherwise, dot)
    }
    this.#variables.length = known
    return jump
  }

  #range(pipe: Pipe, then: readonly Part[], otherwise: readonly Part[], value: unknown, dot: unknown): Jump {
    const items = itemsOf(value)
    if (items.length === 0) return this.#parts(otherwise, dot)
    const known = this.#variables.length
    for (const [key, item] of items) {
      if (pipe.variables.length > 0) this.#assign(pipe, pipe.variables.length > 1 ? [key, item] : [item])
      const jump = this.#parts(then, item)
      this.#variables.length = known
      if (jump === 'break') break
    }
    return null
  }

  #named({ name, pipe, at }: Named, dot: unknown): void {
    const parts = this.template.named.get(name)
    if (parts === undefined) throw new TemplateError(`there is no template ${JSON.stringify(name)}`, at)
    if (++this.#depth > DEEPEST)
      throw new TemplateError(`template ${JSON.stringify(name)} calls itself without end`, at)
    const given = pipe === null ? null : this.#pipe(pipe, dot)
    const outer = this.#variables
    this.#variables = [{ name: '', value: given }]
    this.#parts(parts, given)
    this.#variables = outer
    this.#depth--
  }

  #assign({ variables, isNew }: Pipe, values: readonly unknown[]): void {
    for (const [i, name] of variables.entries()) {
      if (isNew) this.#variables.push({ name, value: values[i] })
      else this.#variables.findLast((each) => each.name === name)!.value = values[i]
    }
  }

  #pipe({ calls }: Pipe, dot: unknown): unknown {
    let value: unknown
    for (const [i, call] of calls.entries()) value = this.#call(call, dot, i > 0 ? [value] : [])
    return value
  }

  #call({ name, operands, at }: Call, dot: unknown, last: readonly unknown[]): unknown {
    if (name === null) return this.#operand(operands[0]!, dot)
    try {
      if (name === 'and' || name === 'or') return this.#settled(name, operands, dot, last)
      return callFunction(name, [...operands.map((operand) => this.#operand(operand, dot)), ...last])
    } catch (error) {
      throw error instanceof TemplateError && !/at letter \d+\)$/.test(error.message)
        ? new TemplateError(error.message, at)
        : error
    }
  }

  /** `and` and `or` look at no operand behind the one that settles them. */
  #settled(name: 'and' | 'or', operands: readonly Operand[], dot: unknown, last: readonly unknown[]): unknown {
    const values: unknown[] = []
    for (const operand of operands) {
      values.push(this.#operand(operand, dot))
      if (isTrue(values.at(-1)) === (name === 'or')) return values.at(-1)
    }
    return callFunction(name, [...values, ...last])
  }

  #operand(operand: Operand, dot: unknown): unknown {
    if (operand.kind === 'dot') return dot
    if (operand.kind === 'nil') return null
    if (operand.kind === 'literal') return operand.value
    let value = dot
    if (operand.kind === 'group') value = this.#pipe(operand.pipe, dot)
    if (operand.kind === 'variable') value = this.#variable(operand.name)
    for (const [depth, step] of operand.path.entries()) value = member(value, step, operand.path.slice(0, depth))
    return value
  }

  #variable(name: string): unknown {
    return this.#variables.findLast((each) => each.name === name)!.value
  }
}

/** What `range` goes through, with keys. */
function itemsOf(value: unknown): (readonly [key: unknown, item: unknown])[] {
  if (value === null || value === undefined) return []
  if (value instanceof Header) return [[value, value]]
  if (Array.isArray(value)) return [...value.entries()]
  if (typeof value === 'object') return sortedEntries(value)
  if (typeof value === 'number' && Number.isInteger(value) && value <= 1_000_000)
    return [...Array(Math.max(0, value)).keys()].map((i) => [i, i])
  throw new TemplateError(`${plain(value)} is no list`)
}
