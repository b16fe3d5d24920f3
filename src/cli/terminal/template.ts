/**
 * Go's text templates as far as Docker's `--format` needs them, read into a tree: text, fields, pipes, `if`, `range`,
 * `with`, and functions, with parentheses and `{{-` `-}}`. What cannot be read is an error, never text. Pure.
 */

/** One operand. */
type Operand =
  | { readonly kind: 'field'; readonly root: boolean; readonly path: readonly string[] }
  | { readonly kind: 'literal'; readonly value: unknown }
  | { readonly kind: 'group'; readonly pipe: Pipe; readonly path: readonly string[] }

/** A function with its operands, or one operand alone. */
interface Call {
  readonly name: string | null
  readonly operands: readonly Operand[]
}

/** Each call gets the value of the one before it as its last operand. */
export type Pipe = readonly Call[]

export type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly pipe: Pipe }
  | {
      readonly kind: 'if' | 'range' | 'with'
      readonly pipe: Pipe
      readonly then: readonly Part[]
      readonly otherwise: readonly Part[]
    }

export type { Operand }

/** Says what cannot be read, or not be followed; a person sees it after `--format: `. */
export class TemplateError extends Error {}

interface Piece {
  readonly text: string
  /** Between braces. */
  readonly isAction: boolean
}

/** The tree of `source`. Throws TemplateError. `functions` are the names that may be called. */
export function parseTemplate(source: string, functions: ReadonlySet<string>): Part[] {
  const pieces = split(source)
  const parts = readParts(pieces, functions, false)
  if (pieces.length > 0) throw new TemplateError(`{{${pieces[0]!.text}}} has nothing to end`)
  return parts
}

/** Text and actions by turns. Braces within quotes belong to them. */
function split(source: string): Piece[] {
  const pieces: Piece[] = []
  let trimsNext = false
  let at = 0
  for (const match of source.matchAll(
    /\{\{(-(?=\s))?((?:"(?:\\.|[^"\\])*"|`[^`]*`|(?!\}\}|\{\{)[^"`])*?)(\s-)?\}\}/gs,
  )) {
    const text = source.slice(at, match.index)
    pieces.push({ text: trimmed(text, trimsNext, match[1] !== undefined), isAction: false })
    pieces.push({ text: match[2]!.trim(), isAction: true })
    trimsNext = match[3] !== undefined
    at = match.index + match[0].length
  }
  pieces.push({ text: trimmed(source.slice(at), trimsNext, false), isAction: false })
  const open = pieces.find(({ text, isAction }) => !isAction && /\{\{|\}\}/.test(text))
  if (open !== undefined) throw new TemplateError(`${open.text.trim()} has braces that are not closed, or not opened`)
  return pieces.filter(({ text, isAction }) => isAction || text !== '')
}

function trimmed(text: string, start: boolean, end: boolean): string {
  const left = start ? text.trimStart() : text
  return end ? left.trimEnd() : left
}

/** Up to the end, or the `else` or `end` that closes a block, which is left. */
function readParts(pieces: Piece[], functions: ReadonlySet<string>, inBlock: boolean): Part[] {
  const parts: Part[] = []
  for (;;) {
    const piece = pieces[0]
    if (piece === undefined) {
      if (inBlock) throw new TemplateError('an {{end}} is missing')
      return parts
    }
    if (piece.isAction && /^(end$|else\b)/.test(piece.text)) return parts
    pieces.shift()
    if (!piece.isAction) parts.push({ kind: 'text', text: piece.text })
    else if (!piece.text.startsWith('/*')) parts.push(readAction(piece.text, pieces, functions))
  }
}

function readAction(text: string, pieces: Piece[], functions: ReadonlySet<string>): Part {
  const block = /^(if|range|with)\b(.*)$/s.exec(text)
  if (block === null) return { kind: 'print', pipe: readPipe(text, functions) }
  const kind = block[1] as 'if' | 'range' | 'with'
  const pipe = readPipe(block[2]!, functions)
  const then = readParts(pieces, functions, true)
  return { kind, pipe, then, otherwise: readElse(pieces, functions) }
}

/** What stands at the end of a block: `else`, `else if …`, or its `end`, which are taken. */
function readElse(pieces: Piece[], functions: ReadonlySet<string>): Part[] {
  const { text } = pieces.shift()!
  if (text === 'end') return []
  const more = text.slice('else'.length).trim()
  // An `else if` shares the end of its `if`.
  if (more.startsWith('if')) return [readAction(more, pieces, functions)]
  if (more !== '') throw new TemplateError(`{{${text}}} cannot be read`)
  const otherwise = readParts(pieces, functions, true)
  if (pieces.shift()!.text !== 'end') throw new TemplateError('a second {{else}}')
  return otherwise
}

const TOKENS = /\s+|"(?:\\.|[^"\\])*"|`[^`]*`|[|()]|\$?(?:\.[\p{L}\p{N}_][\p{L}\p{N}_-]*)+|\$|\.|-?\d+|[a-zA-Z]\w*/guy

function readPipe(text: string, functions: ReadonlySet<string>): Pipe {
  const tokens = tokensOf(text)
  const pipe = pipeOf(tokens, functions, text)
  if (tokens.length > 0) throw new TemplateError(`{{${text}}} has a ) too many`)
  return pipe
}

function tokensOf(text: string): string[] {
  const tokens: string[] = []
  let at = 0
  for (const match of text.matchAll(TOKENS)) {
    tokens.push(match[0])
    at = match.index + match[0].length
  }
  if (at < text.length) throw new TemplateError(`{{${text}}} cannot be read at ${text.slice(at)}`)
  return tokens.map((token) => (/^\s+$/.test(token) ? ' ' : token))
}

function pipeOf(tokens: string[], functions: ReadonlySet<string>, text: string): Pipe {
  const calls: Call[] = [callOf(tokens, functions, text)]
  while (tokens[0] === '|') {
    tokens.shift()
    const call = callOf(tokens, functions, text)
    if (call.name === null) throw new TemplateError(`{{${text}}}: after | there has to be a function`)
    calls.push(call)
  }
  return calls
}

function callOf(tokens: string[], functions: ReadonlySet<string>, text: string): Call {
  skipBlanks(tokens)
  const word = tokens[0]
  const isCall = word !== undefined && /^[a-zA-Z]/.test(word) && word !== 'true' && word !== 'false'
  if (isCall) tokens.shift()
  if (isCall && !functions.has(word)) {
    throw new TemplateError(`${word} is no function: there are ${[...functions].sort().join(', ')}`)
  }
  const operands: Operand[] = []
  for (skipBlanks(tokens); tokens.length > 0 && !'|)'.includes(tokens[0]!); skipBlanks(tokens)) {
    operands.push(operandOf(tokens, functions, text))
  }
  if (!isCall && operands.length !== 1) {
    const example = 'a field such as {{.GraphDriver.Data.UpperDir}}, or a function of it: {{json .GraphDriver}}'
    throw new TemplateError(`{{${text}}} cannot be read: write ${example}`)
  }
  return { name: isCall ? word : null, operands }
}

function skipBlanks(tokens: string[]): void {
  while (tokens[0] === ' ') tokens.shift()
}

function operandOf(tokens: string[], functions: ReadonlySet<string>, text: string): Operand {
  const token = tokens.shift()!
  if (token === '(') return groupOf(tokens, functions, text)
  if (/^\$?\.|^\$$/.test(token)) return { kind: 'field', root: token.startsWith('$'), path: pathOf(token) }
  if (token.startsWith('`')) return { kind: 'literal', value: token.slice(1, -1) }
  if (token.startsWith('"')) return { kind: 'literal', value: unquoted(token) }
  if (/^-?\d+$/.test(token)) return { kind: 'literal', value: Number(token) }
  if (token === 'true' || token === 'false') return { kind: 'literal', value: token === 'true' }
  throw new TemplateError(`{{${text}}} cannot be read at ${token}`)
}

function groupOf(tokens: string[], functions: ReadonlySet<string>, text: string): Operand {
  const pipe = pipeOf(tokens, functions, text)
  if (tokens.shift() !== ')') throw new TemplateError(`{{${text}}} lacks a )`)
  const path = tokens[0]?.startsWith('.') && tokens[0] !== '.' ? pathOf(tokens.shift()!) : []
  return { kind: 'group', pipe, path }
}

function pathOf(token: string): string[] {
  return token.replace(/^\$/, '').split('.').filter(Boolean)
}

function unquoted(token: string): string {
  try {
    return JSON.parse(token) as string
  } catch {
    throw new TemplateError(`${token} is no text that can be read`)
  }
}
