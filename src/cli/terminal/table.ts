/**
 * Lists for people: a line of headers, a line for each thing, columns as wide as they have to be. On a terminal a line
 * is no longer than the terminal is wide: what may be cut is. In a pipe nothing is cut, unless COLUMNS says how wide it
 * is.
 */
import { printable } from '../../base/text.js'
import { isTerminal, outputColumns, writeOut } from './output.js'

interface Column {
  readonly header: string
  /** Numbers stand at the right. */
  readonly right?: boolean
  /** Where it may lose letters: paths at their start, words at their end. Others are never cut. */
  readonly cut?: 'start' | 'end'
}

const GAP = '  '
/** No column is cut to less. */
const LEAST = 8
const BOLD = '1'

/** Prints the table. Cells are ordinary text. */
export function printTable(columns: readonly Column[], rows: readonly (readonly string[])[]): void {
  const width = widthLimit()
  const [header, ...lines] = tableLines(columns, rows, width)
  writeOut(`${[paint(BOLD, header!), ...lines].join('\n')}\n`)
}

/** How long a line may be; Infinity where nobody has to see it at once. */
export function widthLimit(): number {
  const { COLUMNS } = process.env
  if (COLUMNS !== undefined && /^[1-9]\d{0,4}$/.test(COLUMNS)) return Number(COLUMNS)
  return isTerminal() ? outputColumns() : Number.POSITIVE_INFINITY
}

/** `text` in colour or bold (a number of SGR) on a terminal, unless NO_COLOR says no. */
export function paint(style: string, text: string): string {
  const { NO_COLOR, TERM } = process.env
  return isTerminal() && !NO_COLOR && TERM !== 'dumb' ? `\x1b[${style}m${text}\x1b[0m` : text
}

/** The lines, the header first, none longer than `width` where columns that may be cut allow it. Pure. */
export function tableLines(columns: readonly Column[], given: readonly (readonly string[])[], width: number): string[] {
  const rows = [columns.map(({ header }) => header), ...given.map((cells) => cells.map(printable))]
  const widths = fitted(
    columns,
    columns.map((_, at) => Math.max(...rows.map((cells) => lengthOf(cells[at] ?? '')))),
    width,
  )
  const cell = (text: string, at: number, cut: Column['cut']) =>
    padded(cutTo(text, widths[at]!, cut), widths[at]!, columns[at]!.right === true)
  const line = (cells: readonly string[], isHeader: boolean) =>
    columns.map(({ cut }, at) => cell(cells[at] ?? '', at, cut && isHeader ? 'end' : cut)).join(GAP)
  return rows.map((cells, row) => line(cells, row === 0).trimEnd())
}

/** The widest column that may be cut gives way, letter by letter. */
function fitted(columns: readonly Column[], wanted: readonly number[], width: number): number[] {
  const widths = [...wanted]
  const total = () => widths.reduce((sum, each) => sum + each, GAP.length * (widths.length - 1))
  while (total() > width) {
    const able = [...widths.keys()].filter((at) => columns[at]!.cut !== undefined && widths[at]! > LEAST)
    if (able.length === 0) break
    widths[able.reduce((best, at) => (widths[at]! > widths[best]! ? at : best))]!--
  }
  return widths
}

/** `text` in at most `width` letters. */
export function cutTo(text: string, width: number, where: 'start' | 'end' | undefined): string {
  const letters = [...text]
  if (where === undefined || letters.length <= width) return text
  return where === 'end' ? `${letters.slice(0, width - 1).join('')}…` : `…${letters.slice(1 - width).join('')}`
}

function padded(text: string, width: number, right: boolean): string {
  const space = ' '.repeat(Math.max(0, width - lengthOf(text)))
  return right ? space + text : text + space
}

function lengthOf(text: string): number {
  return [...text].length
}

/** `text` in lines of at most `width` letters, those after the first behind `indent`. Pure. */
export function wrapped(text: string, width: number, indent: string): string {
  const lines: string[] = []
  for (const word of printable(text).split(' ')) {
    const line = lines.at(-1)
    if (line === undefined) lines.push(word)
    else if (lengthOf(line) + 1 + lengthOf(word) > width) lines.push(indent + word)
    else lines[lines.length - 1] = `${line} ${word}`
  }
  return lines.join('\n')
}
