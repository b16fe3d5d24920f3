/**
 * Reads a template of Go's text/template into a tree: text, fields, variables, pipes, `if`, `range`, `with`, `break`,
 * `continue`, `define`, `template` and `block`. What cannot be read is an error that says where, never text. Pure.
 */
import { Action } from './action.js'
import { type Piece, piecesOf } from './tokens.js'
import { type Part, type Template, TemplateError } from './tree.js'

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
      else parts.push(...this.#partsOf(wordOf(piece), this.#actionOf(piece)))
    }
    this.#variables.length = known
    return parts
  }

  #actionOf(piece: Piece): Action {
    return new Action(piece, this.#textOf(piece), this.functions, this.#variables)
  }

  #textOf({ at }: Piece): string {
    return this.source.slice(at, this.source.indexOf('}}', at) + 2)
  }

  #partsOf(word: string, action: Action): Part[] {
    if ((BLOCKS as readonly string[]).includes(word)) return [this.#block(action)]
    if (word === 'define') return this.#define(action)
    if (word === 'block') return this.#namedBlock(action)
    if (word === 'template') return [this.#call(action)]
    if (word === 'break' || word === 'continue') return [this.#jump(word, action)]
    return [{ kind: 'print', pipe: action.wholePipe() }]
  }

  #jump(kind: 'break' | 'continue', action: Action): Part {
    action.take()
    action.nothingMore()
    if (this.#loops === 0) throw action.fault(`${kind} stands outside of a {{range}}`)
    return { kind }
  }

  /** Of `if`, `range` and `with`, from its word on. */
  #block(action: Action): Part {
    const kind = action.take().text as Block
    const known = this.#variables.length
    const pipe = action.wholePipe(kind === 'range' ? 2 : 1)
    if (kind === 'range') this.#loops++
    const then = this.#parts(true)
    if (kind === 'range') this.#loops--
    const otherwise = this.#otherwise(kind)
    this.#variables.length = known
    return { kind, pipe, then, otherwise }
  }

  /** What stands at the end of a block: `else`, `else if …`, or its `end`, which are taken. */
  #otherwise(kind: Block): Part[] {
    const action = this.#actionOf(this.#pieces.shift()!)
    if (action.take().text === 'end') {
      action.nothingMore()
      return []
    }
    action.skipBlanks()
    // An `else if` shares the end of its `if`.
    if (action.next === kind && kind !== 'range') return [this.#block(action)]
    if (action.next !== null) throw action.fault(`${action.text} cannot be read`)
    const otherwise = this.#parts(true)
    this.#end('a second {{else}}')
    return otherwise
  }

  #end(otherwise: string): void {
    const action = this.#actionOf(this.#pieces.shift()!)
    if (action.take().text !== 'end') throw action.fault(otherwise)
    action.nothingMore()
  }

  #define(action: Action): Part[] {
    action.take()
    const name = action.name()
    action.nothingMore()
    this.#readNamed(name)
    return []
  }

  /** What stands between `define` or `block` and its end; it sees no variable from outside. */
  #readNamed(name: string): void {
    const [variables, loops] = [this.#variables, this.#loops]
    this.#variables = []
    this.#loops = 0
    this.#named.set(name, this.#parts(true))
    this.#end('{{else}} within a {{define}}')
    this.#variables = variables
    this.#loops = loops
  }

  #namedBlock(action: Action): Part[] {
    action.take()
    const name = action.name()
    const pipe = action.wholePipe()
    this.#readNamed(name)
    return [{ kind: 'template', name, pipe, at: action.at }]
  }

  #call(action: Action): Part {
    action.take()
    const name = action.name()
    action.skipBlanks()
    return { kind: 'template', name, pipe: action.next === null ? null : action.wholePipe(), at: action.at }
  }
}

/** What an action begins with. */
function wordOf({ tokens: [first] }: Piece): string {
  return first?.kind === 'word' ? first.text : ''
}
