/** A template of Go's text/template as it was read: what it is made of. */

/** One operand. A path are the names of fields, the outermost first. */
export type Operand =
  | { readonly kind: 'dot' }
  | { readonly kind: 'nil' }
  | { readonly kind: 'literal'; readonly value: string | number | boolean }
  | { readonly kind: 'field'; readonly path: readonly string[] }
  /** `name` is '' for `$`, the document. */
  | { readonly kind: 'variable'; readonly name: string; readonly path: readonly string[] }
  | { readonly kind: 'group'; readonly pipe: Pipe; readonly path: readonly string[] }

/** A function with its operands, or one operand alone. */
export interface Call {
  readonly name: string | null
  readonly operands: readonly Operand[]
  /** Where it stands in the source, from 0. */
  readonly at: number
}

/** Each call gets the value of the one before it as its last operand. */
export interface Pipe {
  /** Variables that get the value; of `range` two, the first of them the key. */
  readonly variables: readonly string[]
  /** `:=` makes them, `=` changes those there are. */
  readonly isNew: boolean
  readonly calls: readonly Call[]
}

export interface Block {
  readonly kind: 'if' | 'range' | 'with'
  readonly pipe: Pipe
  readonly then: readonly Part[]
  readonly otherwise: readonly Part[]
}

export interface Named {
  readonly kind: 'template'
  readonly name: string
  readonly pipe: Pipe | null
  readonly at: number
}

export type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly pipe: Pipe }
  | Block
  | { readonly kind: 'break' }
  | { readonly kind: 'continue' }
  | Named

export interface Template {
  readonly parts: readonly Part[]
  /** Those that `define` and `block` gave a name. */
  readonly named: ReadonlyMap<string, readonly Part[]>
}

/** Says what cannot be read, or not be followed, and where; a person sees it after `--format: `. */
export class TemplateError extends Error {
  /** `at` counts letters of the source from 0. */
  constructor(words: string, at?: number) {
    super(at === undefined ? words : `${words} (at letter ${at + 1})`)
  }
}
