/**
 * containerd's filters: `name==a,labels."x"~=b`. What stands between commas must hold together; of several filters one
 * is enough. A field alone asks whether it is there. Pure.
 */
import { invalid } from '../wire/refusal.js'

/** The value of a field by its path, or null where there is none. */
type Fields = (path: readonly string[]) => string | null
type Filter = (fields: Fields) => boolean

/** The filter that `texts` are; none lets everything through. Throws Refusal. */
export function parseFilters(texts: readonly string[]): Filter {
  if (texts.length === 0) return () => true
  const parsed = texts.map((text) => new Parser(text).filter())
  return (fields) => parsed.some((filter) => filter(fields))
}

const FIELD = /[A-Za-z0-9_]+/y
const QUOTED = /"(?:[^"\\]|\\.)*"/y
/** containerd takes a pattern between other signs as well. */
const OTHER_QUOTED = /([/|])((?:(?!\1)[^\\]|\\.)*)\1/y
const VALUE = /[^\s,]+/y
const OPERATOR = /==|!=|~=/y

class Parser {
  #at = 0

  constructor(private readonly text: string) {}

  filter(): Filter {
    if (this.text.trim() === '') return () => true
    const all: Filter[] = []
    do all.push(this.#selector())
    while (this.#take(/,/y) !== null)
    if (this.#at < this.text.length) this.#fail('a comma')
    return (fields) => all.every((one) => one(fields))
  }

  #selector(): Filter {
    const path = [this.#part()]
    while (this.#take(/\./y) !== null) path.push(this.#part())
    const operator = this.#take(OPERATOR)
    if (operator === null) return (fields) => fields(path) !== null && fields(path) !== ''
    const value = this.#value(operator === '~=')
    if (operator === '==') return (fields) => fields(path) === value
    if (operator === '!=') return (fields) => fields(path) !== value
    const pattern = this.#pattern(value)
    return (fields) => pattern.test(fields(path) ?? '')
  }

  #part(): string {
    const quoted = this.#take(QUOTED)
    if (quoted !== null) return this.#unquoted(quoted)
    return this.#take(FIELD) ?? this.#fail('a field')
  }

  #value(isPattern: boolean): string {
    const quoted = this.#take(QUOTED)
    if (quoted !== null) return this.#unquoted(quoted)
    const other = isPattern ? this.#take(OTHER_QUOTED) : null
    if (other !== null) return other.slice(1, -1)
    return this.#take(VALUE) ?? this.#fail('a value')
  }

  #unquoted(text: string): string {
    try {
      return JSON.parse(text) as string
    } catch {
      return this.#fail('a string as JSON and Go write it')
    }
  }

  #pattern(text: string): RegExp {
    try {
      return new RegExp(text)
    } catch {
      return this.#fail('a regular expression')
    }
  }

  #take(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.text)?.[0] ?? null
    if (found !== null) this.#at += found.length
    return found
  }

  #fail(wanted: string): never {
    throw invalid(`filter ${this.text}: ${wanted} is expected at position ${this.#at}`)
  }
}
