/** Lines of exactly so many columns, with styles that say nothing which the letters do not say too. Pure. */
import { printable } from '../../base/text.js'

export type Style = 'plain' | 'bold' | 'dim' | 'added' | 'changed' | 'deleted' | 'chosen' | 'head'

export interface Cell {
  readonly text: string
  readonly style: Style
}

export type Line = readonly Cell[]

const CODES: Readonly<Record<Style, string>> = {
  plain: '',
  bold: '1',
  dim: '2',
  added: '32',
  changed: '33',
  deleted: '31',
  chosen: '7',
  head: '1;7',
}

/** Without colour what is chosen is still turned around. */
const PLAIN_CODES: Readonly<Record<Style, string>> = {
  ...CODES,
  ...{ dim: '', added: '', changed: '', deleted: '' },
}

const WIDE_SCRIPTS = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u
const WIDE_SIGNS = /\p{Emoji_Presentation}/u

/** Columns that `text` takes. */
function widthOf(text: string): number {
  let width = 0
  for (const letter of text)
    width += /\p{M}/u.test(letter) ? 0 : WIDE_SCRIPTS.test(letter) || WIDE_SIGNS.test(letter) ? 2 : 1
  return width
}

/** `text` on one line in exactly `width` columns, cut at its end or, with `from`, at its start. */
export function fitted(text: string, width: number, from: 'end' | 'start' = 'end'): string {
  const plain = printable(text)
  const whole = widthOf(plain)
  if (whole <= width) return plain + ' '.repeat(width - whole)
  if (width <= 0) return ''
  const letters = from === 'end' ? [...plain] : [...plain].reverse()
  let kept = ''
  for (const letter of letters) {
    if (widthOf(kept) + widthOf(letter) > width - 1) break
    kept = from === 'end' ? kept + letter : letter + kept
  }
  const padding = ' '.repeat(width - 1 - widthOf(kept))
  return from === 'end' ? `${kept}…${padding}` : `${padding}…${kept}`
}

export function right(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - widthOf(text))) + text
}

export function cell(text: string, style: Style = 'plain'): Cell {
  return { text, style }
}

/** The line as a terminal takes it. */
export function painted(line: Line, colour: boolean): string {
  const codes = colour ? CODES : PLAIN_CODES
  return line.map(({ text, style }) => (codes[style] === '' ? text : `\x1b[${codes[style]}m${text}\x1b[0m`)).join('')
}
