/**
 * A template's source as text and actions, and an action as tokens, as Go's text/template has them: `{{- ` and ` -}}`
 * take the blanks beside them away, comments are nothing, and braces within quotes belong to these. Pure.
 */
import { TemplateError } from './tree.js'

export interface Token {
  /** `blank`: it parts operands. `mark`: `( ) | , = :=`. */
  readonly kind: 'blank' | 'mark' | 'field' | 'variable' | 'word' | 'number' | 'text' | 'letter' | 'dot'
  readonly text: string
  /** In the source, from 0. */
  readonly at: number
}

export interface Piece {
  /** Null for an action. */
  readonly text: string | null
  readonly tokens: Token[]
  readonly at: number
}

const TRIMS_LEFT = /^-(?=[ \t\r\n])/
const COMMENT = /\/\*[\s\S]*?\*\/\s*(?:(?<=[ \t\r\n])-)?\}\}/y
const END = /\s*(?:(?<=[ \t\r\n])-)?\}\}/y
/** By kind; a name may hold a dash, as labels do, and a field may be a number, for a place in a list. */
const TOKENS: readonly (readonly [kind: Token['kind'], pattern: RegExp])[] = [
  ['blank', /\s+/y],
  ['text', /"(?:\\.|[^"\\\n])*"|`[^`]*`/y],
  ['letter', /'(?:\\.|[^'\\\n])+'/y],
  ['variable', /\$[\p{L}\p{N}_]*/uy],
  ['field', /\.[\p{L}\p{N}_]+(?:-+[\p{L}\p{N}_]+)*/uy],
  ['number', /[+-]?(?:0[xX][\da-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]+(?![\d.])|\d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d+)?)/y],
  ['word', /[\p{L}_][\p{L}\p{N}_]*/uy],
  ['dot', /\./y],
  ['mark', /:=|[()|,=]/y],
]

/** The pieces of `source`, in order. Throws TemplateError. */
export function piecesOf(source: string): Piece[] {
  const pieces: Piece[] = []
  let trims = false
  for (let at = 0; at <= source.length; ) {
    const open = source.indexOf('{{', at)
    const end = open < 0 ? source.length : open
    const inside = open < 0 ? '' : source.slice(open + 2)
    const text = trimmed(source.slice(at, end), trims, TRIMS_LEFT.test(inside))
    if (text.includes('}}')) throw new TemplateError(`${text.trim()} has braces that are not opened`, at)
    if (text !== '') pieces.push({ text, tokens: [], at })
    if (open < 0) break
    const action = actionAt(source, open, open + 2 + (TRIMS_LEFT.test(inside) ? 1 : 0))
    if (action.tokens !== null) pieces.push({ text: null, tokens: action.tokens, at: open })
    trims = source.slice(0, action.end).endsWith('-}}')
    at = action.end
  }
  return pieces
}

function trimmed(text: string, start: boolean, end: boolean): string {
  const left = start ? text.replace(/^[ \t\r\n]+/, '') : text
  return end ? left.replace(/[ \t\r\n]+$/, '') : left
}

/** The action that opens at `open`; its tokens, null of a comment, and where it ends. */
function actionAt(source: string, open: number, from: number): { tokens: Token[] | null; end: number } {
  const begin = from + /^\s*/.exec(source.slice(from))![0].length
  if (source.startsWith('/*', begin)) {
    COMMENT.lastIndex = begin
    if (COMMENT.exec(source) !== null) return { tokens: null, end: COMMENT.lastIndex }
    throw new TemplateError('a comment is not closed: it ends with */}}', open)
  }
  const tokens: Token[] = []
  for (let at = begin; ; ) {
    END.lastIndex = at
    if (END.exec(source) !== null) return { tokens, end: END.lastIndex }
    const token = tokenAt(source, at, open)
    tokens.push(token)
    at += token.text.length
  }
}

function tokenAt(source: string, at: number, open: number): Token {
  for (const [kind, pattern] of TOKENS) {
    pattern.lastIndex = at
    const text = pattern.exec(source)?.[0]
    if (text !== undefined) return { kind, text, at }
  }
  if (at >= source.length || source.startsWith('{{', at))
    throw new TemplateError(`${source.slice(open).split('\n')[0]} has braces that are not closed`, open)
  const rest = source.slice(at, source.indexOf('}}', at) < 0 ? undefined : source.indexOf('}}', at))
  throw new TemplateError(`{{${source.slice(open + 2, at)}${rest}}} cannot be read at ${rest.trim()}`, at)
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

/** What a token in quotes says. Throws TemplateError. */
export function unquoted({ text, at }: Token): string {
  if (text.startsWith('`')) return text.slice(1, -1)
  return text
    .slice(1, -1)
    .replace(/\\(x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|[0-7]{3}|.)/gs, (_, code: string) => {
      if (/^[xuU]./.test(code)) return String.fromCodePoint(Number.parseInt(code.slice(1), 16))
      if (/^[0-7]{3}$/.test(code)) return String.fromCodePoint(Number.parseInt(code, 8))
      const plain = ESCAPES[code] ?? (/^["'\\]$/.test(code) ? code : undefined)
      if (plain === undefined) throw new TemplateError(`${text} is no text that can be read: \\${code}`, at)
      return plain
    })
}
