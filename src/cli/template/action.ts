/** One action of a template, token by token: pipes of calls, and what stands before them. */
import { type Piece, type Token, unquoted } from './tokens.js'
import { type Call, type Operand, type Pipe, TemplateError } from './tree.js'

export class Action {
  readonly at: number
  readonly #tokens: Token[]

  constructor(
    { tokens, at }: Piece,
    /** As it stands in the source. */
    readonly text: string,
    private readonly functions: ReadonlySet<string>,
    /** Variables that can be used here; new ones are added. */
    private readonly variables: string[],
  ) {
    this.at = at
    this.#tokens = [...tokens]
  }

  /** The next token's text; null at the end. */
  get next(): string | null {
    return this.#tokens[0]?.text ?? null
  }

  /** A name in quotes. */
  name(): string {
    this.skipBlanks()
    const token = this.#tokens.shift()
    if (token?.kind !== 'text') throw this.fault(`${this.text} lacks a name in quotes`)
    return unquoted(token)
  }

  /** The rest of the action as one pipe, which may set as many variables as `most`. */
  wholePipe(most = 1): Pipe {
    const { variables, isNew } = this.#assigned(most)
    const calls = this.#calls()
    this.nothingMore('a ) too many')
    if (isNew) this.variables.push(...variables)
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
    if (!isList || variables.length > most) throw this.fault(`${this.text} cannot be read before ${marks[sign]!.text}`)
    while (this.take() !== marks[sign]) {}
    const isNew = marks[sign]!.text === ':='
    if (!isNew) for (const { text } of variables) this.#known(text)
    return { variables: variables.map(({ text }) => text.slice(1)), isNew }
  }

  #known(variable: string): string {
    const name = variable.slice(1)
    if (name === '' || this.variables.includes(name)) return name
    throw this.fault(`${this.text}: there is no variable ${variable}`)
  }

  #calls(): Call[] {
    const calls = [this.#callOf()]
    while (this.#tokens[0]?.text === '|') {
      this.take()
      const call = this.#callOf()
      if (call.name === null) throw this.fault(`${this.text}: after | there has to be a function`)
      calls.push(call)
    }
    return calls
  }

  #callOf(): Call {
    this.skipBlanks()
    const at = this.#tokens[0]?.at ?? this.at
    const name = this.#functionName()
    const operands: Operand[] = []
    for (this.skipBlanks(); this.#tokens.length > 0 && !'|)'.includes(this.#tokens[0]!.text); this.skipBlanks())
      operands.push(this.#operand())
    if (name === null && operands.length !== 1) {
      const example = 'a field such as {{.GraphDriver.Data.UpperDir}}, or a function of it: {{json .GraphDriver}}'
      throw this.fault(`${this.text} cannot be read: write ${example}`)
    }
    return { name, operands, at }
  }

  #functionName(): string | null {
    const token = this.#tokens[0]
    if (token?.kind !== 'word' || ['true', 'false', 'nil'].includes(token.text)) return null
    this.take()
    if (this.functions.has(token.text)) return token.text
    throw new TemplateError(
      `${token.text} is no function: there are ${[...this.functions].sort().join(', ')}`,
      token.at,
    )
  }

  #operand(): Operand {
    const token = this.take()
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
    if (token.text !== '(') throw new TemplateError(`${this.text} cannot be read at ${token.text}`, token.at)
    const calls = this.#calls()
    if (this.#tokens.shift()?.text !== ')') throw this.fault(`${this.text} lacks a )`)
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
    while (this.#tokens[0]?.kind === 'field') path.push(this.take().text.slice(1))
    return path
  }

  take(): Token {
    return this.#tokens.shift()!
  }

  skipBlanks(): void {
    while (this.#tokens[0]?.kind === 'blank') this.#tokens.shift()
  }

  nothingMore(words = 'too much in it'): void {
    this.skipBlanks()
    if (this.#tokens.length > 0) throw this.fault(`${this.text} has ${words}`)
  }

  fault(words: string): TemplateError {
    return new TemplateError(words, this.#tokens[0]?.at ?? this.at)
  }
}

function numberOf(text: string): number {
  const [, sign, digits] = /^([+-]?)(.*)$/s.exec(text.replaceAll('_', ''))!
  const value = /^0[0-7]+$/.test(digits!) ? Number.parseInt(digits!, 8) : Number(digits)
  return sign === '-' ? -value : value
}
