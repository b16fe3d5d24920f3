/**
 * Reads a template of Go's text/template into a tree: text, fields, variables, pipes, `if`, `range`, `with`, `break`,
 * `continue`, `define`, `template` and `block`. What cannot be read is an error that says where, never text. Pure.
 */
import { type Piece, piecesOf, type Token, unquoted } from './tokens.js'
import { type Call, type Operand, type Part, type Pipe, type Template, TemplateError } from './tree.js'

const BLOCKS = ['if', 'range', 'with'] as const
type Block = (typeof BLOCKS)[number]
const CLOSERS = ['else', 'end']

/** The tree of `source`. Throws TemplateError. `functions` are the names that may be called. */
export function parseTemplate(source: string, functions: ReadonlySet<string>): Template {
  return new Reader(source, functions).template()
}

class Reader {
  readonly #pieces: Piece[]
  readonly #named = new Map<string, readonly Part[]>()
  /** Variables that can be used here. */
  #variables: string[] = []
  #loops = 0
  /** Tokens of the action that is being read, and the action itself for messages. */
  #tokens: Token[] = []
  #action = ''
  #at = 0

  constructor(
    private readonly source: string,
    private readonly functions: ReadonlySet<string>,
  ) {
    this.#pieces = piecesOf(source)
  }

  template(): Template {
    const parts = this.#parts(false)
    const rest = this.#pieces[0]
    if (rest !== undefined) throw new TemplateError(`${this.#textOf(rest)} has nothing to end`, rest.at)
    return { parts, named: this.#named }
  }

  /** Up to the end, or the `else` or `end` that closes a block, which is left. */
  #parts(inBlock: boolean): Part[] {
    const parts: Part[] = []
    const known = this.#variables.length
    for (;;) {
      const piece = this.#pieces[0]
      if (piece === undefined && inBlock) throw new TemplateError('an {{end}} is missing', this.source.length)
      if (piece === undefined || (piece.text === null && CLOSERS.includes(wordOf(piece)))) break
      this.#pieces.shift()
      if (piece.text !== null) parts.push({ kind: 'text', text: piece.text })
      else parts.push(...this.#actionOf(piece))
    }
    this.#variables.length = known
    return parts
  }

  /** Begins to read `piece`. */
  #enter(piece: Piece): void {
    this.#tokens = [...piece.tokens]
    this.#action = this.#textOf(piece)
    this.#at = piece.at
  }

  #textOf({ at }: Piece): string {
    return this.source.slice(at, this.source.indexOf('}}', at) + 2)
  }

  #actionOf(piece: Piece): Part[] {
    this.#enter(piece)
    const word = wordOf(piece)
    if ((BLOCKS as readonly string[]).includes(word)) return [this.#block(this.#take().text as Block)]
    if (word === 'define') return this.#define()
    if (word === 'block') return this.#namedBlock()
    if (word === 'template') return [this.#call()]
    if (word === 'break' || word === 'continue') return [this.#jump(word)]
    return [{ kind: 'print', pipe: this.#wholePipe() }]
  }

  #jump(kind: 'break' | 'continue'): Part {
    this.#take()
    this.#nothingMore()
    if (this.#loops === 0) throw this.#fault(`${kind} stands outside of a {{range}}`)
    return { kind }
  }

  #block(kind: Block): Part {
    const known = this.#variables.length
    const pipe = this.#wholePipe(kind === 'range' ? 2 : 1)
    if (kind === 'range') this.#loops++
    const then = this.#parts(true)
    if (kind === 'range') this.#loops--
    const otherwise = this.#otherwise(kind)
    this.#variables.length = known
    return { kind, pipe, then, otherwise }
  }

  /** What stands at the end of a block: `else`, `else if …`, or its `end`, which are taken. */
  #otherwise(kind: Block): Part[] {
    const piece = this.#pieces.shift()!
    this.#enter(piece)
    if (this.#take().text === 'end') {
      this.#nothingMore()
      return []
    }
    this.#skipBlanks()
    // An `else if` shares the end of its `if`.
    if (this.#tokens.length > 0 && this.#tokens[0]!.text === kind && kind !== 'range')
      return [this.#block(this.#take().text as Block)]
    if (this.#tokens.length > 0) throw this.#fault(`${this.#action} cannot be read`)
    const otherwise = this.#parts(true)
    this.#end('a second {{else}}')
    return otherwise
  }

  #end(otherwise: string): void {
    const piece = this.#pieces.shift()!
    this.#enter(piece)
    if (this.#take().text !== 'end') throw this.#fault(otherwise)
    this.#nothingMore()
  }

  #define(): Part[] {
    this.#take()
    const name = this.#name()
    this.#nothingMore()
    this.#readNamed(name)
    return []
  }

  #readNamed(name: string): void {
    const [variables, loops] = [this.#variables, this.#loops]
    this.#variables = []
    this.#loops = 0
    this.#named.set(name, this.#parts(true))
    this.#end('{{else}} within a {{define}}')
    this.#variables = variables
    this.#loops = loops
  }

  #namedBlock(): Part[] {
    this.#take()
    const at = this.#at
    const name = this.#name()
    const pipe = this.#wholePipe()
    this.#readNamed(name)
    return [{ kind: 'template', name, pipe, at }]
  }

  #call(): Part {
    this.#take()
    const at = this.#at
    const name = this.#name()
    this.#skipBlanks()
    return { kind: 'template', name, pipe: this.#tokens.length === 0 ? null : this.#wholePipe(), at }
  }

  #name(): string {
    this.#skipBlanks()
    const token = this.#tokens.shift()
    if (token?.kind !== 'text') throw this.#fault(`${this.#action} lacks a name in quotes`)
    return unquoted(token)
  }

  // ---- pipes ---------------------------------------------------------------------------------------------------

  /** The rest of the action as one pipe, which may set as many variables as `most`. */
  #wholePipe(most = 1): Pipe {
    const { variables, isNew } = this.#assigned(most)
    const calls = this.#calls()
    this.#nothingMore('a ) too many')
    if (isNew) this.#variables.push(...variables)
    return { variables, isNew, calls }
  }

  /** `$x :=`, `$i, $x :=`, `$x =`; nothing is taken where no such thing stands. */
  #assigned(most: number): { variables: string[]; isNew: boolean } {
    const marks = this.#tokens.filter(({ kind }) => kind !== 'blank')
    const sign = marks.findIndex(({ text, kind }) => kind === 'mark' && (text === ':=' || text === '='))
    if (sign < 0) return { variables: [], isNew: false }
    const left = marks.slice(0, sign)
    const variables = left.filter((_, i) => i % 2 === 0)
    const isList =
      left.length % 2 === 1 && left.every(({ kind, text }, i) => (i % 2 === 0 ? kind === 'variable' : text === ','))
    if (!isList || variables.length > most)
      throw this.#fault(`${this.#action} cannot be read before ${marks[sign]!.text}`)
    while (this.#take() !== marks[sign]) {}
    const isNew = marks[sign]!.text === ':='
    if (!isNew) for (const { text } of variables) this.#known(text)
    return { variables: variables.map(({ text }) => text.slice(1)), isNew }
  }

  #known(variable: string): string {
    const name = variable.slice(1)
    if (name === '' || this.#variables.includes(name)) return name
    throw this.#fault(`${this.#action}: there is no variable ${variable}`)
  }

  #calls(): Call[] {
    const calls = [this.#callOf()]
    while (this.#tokens[0]?.text === '|') {
      this.#take()
      const call = this.#callOf()
      if (call.name === null) throw this.#fault(`${this.#action}: after | there has to be a function`)
      calls.push(call)
    }
    return calls
  }

  #callOf(): Call {
    this.#skipBlanks()
    const at = this.#tokens[0]?.at ?? this.#at
    const name = this.#functionName()
    const operands: Operand[] = []
    for (this.#skipBlanks(); this.#tokens.length > 0 && !'|)'.includes(this.#tokens[0]!.text); this.#skipBlanks())
      operands.push(this.#operand())
    if (name === null && operands.length !== 1) {
      const example = 'a field such as {{.GraphDriver.Data.UpperDir}}, or a function of it: {{json .GraphDriver}}'
      throw this.#fault(`${this.#action} cannot be read: write ${example}`)
    }
    return { name, operands, at }
  }

  #functionName(): string | null {
    const token = this.#tokens[0]
    if (token?.kind !== 'word' || ['true', 'false', 'nil'].includes(token.text)) return null
    this.#take()
    if (this.functions.has(token.text)) return token.text
    throw new TemplateError(
      `${token.text} is no function: there are ${[...this.functions].sort().join(', ')}`,
      token.at,
    )
  }

  #operand(): Operand {
    const token = this.#take()
    switch (token.kind) {
      case 'dot':
        return { kind: 'dot' }
      case 'field':
        return { kind: 'field', path: [token.text.slice(1), ...this.#path()] }
      case 'variable':
        return { kind: 'variable', name: this.#known(token.text), path: this.#path() }
      case 'text':
        return { kind: 'literal', value: unquoted(token) }
      case 'letter':
        return { kind: 'literal', value: this.#letter(token) }
      case 'number':
        return { kind: 'literal', value: numberOf(token.text) }
      default:
        return this.#wordOrGroup(token)
    }
  }

  #wordOrGroup(token: Token): Operand {
    if (token.text === 'nil') return { kind: 'nil' }
    if (token.text === 'true' || token.text === 'false') return { kind: 'literal', value: token.text === 'true' }
    // A function without operands, as an operand.
    if (this.functions.has(token.text)) {
      const call = { name: token.text, operands: [], at: token.at }
      return { kind: 'group', pipe: { variables: [], isNew: false, calls: [call] }, path: [] }
    }
    if (token.text !== '(') throw new TemplateError(`${this.#action} cannot be read at ${token.text}`, token.at)
    const calls = this.#calls()
    if (this.#tokens.shift()?.text !== ')') throw this.#fault(`${this.#action} lacks a )`)
    return { kind: 'group', pipe: { variables: [], isNew: false, calls }, path: this.#path() }
  }

  #letter(token: Token): number {
    const letters = [...unquoted(token)]
    if (letters.length === 1) return letters[0]!.codePointAt(0)!
    throw new TemplateError(`${token.text} is not one letter: text stands in "…"`, token.at)
  }

  /** Fields that follow without a blank. */
  #path(): string[] {
    const path: string[] = []
    while (this.#tokens[0]?.kind === 'field') path.push(this.#take().text.slice(1))
    return path
  }

  #take(): Token {
    return this.#tokens.shift()!
  }

  #skipBlanks(): void {
    while (this.#tokens[0]?.kind === 'blank') this.#tokens.shift()
  }

  #nothingMore(words = 'too much in it'): void {
    this.#skipBlanks()
    if (this.#tokens.length > 0) throw this.#fault(`${this.#action} has ${words}`)
  }

  #fault(words: string): TemplateError {
    return new TemplateError(words, this.#tokens[0]?.at ?? this.#at)
  }
}

/** What an action begins with. */
function wordOf({ tokens: [first] }: Piece): string {
  return first?.kind === 'word' ? first.text : ''
}

function numberOf(text: string): number {
  const [, sign, digits] = /^([+-]?)(.*)$/s.exec(text.replaceAll('_', ''))!
  const value = /^0[0-7]+$/.test(digits!) ? Number.parseInt(digits!, 8) : Number(digits)
  return sign === '-' ? -value : value
}
