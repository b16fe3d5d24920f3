/**
 * The results as a drawing: per measure one bar for each side, its multiple of kernel overlayfs on a logarithmic scale.
 */
import { type Results, type Row, ratio, shownRatio } from './figures.js'

const LABELS = 330
const CHART = 520
const BAR = 9
const GAP = 10
const HEAD = 60
/** The ends of the scale, as multiples. */
const LEAST = 0.05
const MOST = 50
const COLOURS = ['#9aa0a6', '#d98c3f', '#2b6cb0', '#63a4d8', '#6b8e23', '#8e6bb0']

/** Where a multiple lies, in pixels from the left. */
function at(multiple: number): number {
  const bounded = Math.min(MOST, Math.max(LEAST, multiple))
  return LABELS + (CHART * Math.log(bounded / LEAST)) / Math.log(MOST / LEAST)
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

const text = (x: number, y: number, words: string, more = ''): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escaped(words)}</text>`

/** The whole file. Measures without a multiple (kernel overlayfs has no daemon) are not in it. */
export function plot(results: Results): string {
  const [base, ...others] = results.sides.map((side) => side.name)
  const rows = results.rows.filter((row) => others.some((side) => ratio(row, side, base!) !== null))
  const tall = others.length * BAR + GAP
  const height = HEAD + rows.length * tall + 10
  const width = LABELS + CHART + 60
  const body = rows.flatMap((row, i) => bars(row, base!, others, HEAD + i * tall))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" font-family="sans-serif" font-size="11">`,
    '<title>Time of each workload on each side, as a multiple of kernel overlayfs</title>',
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text(10, 20, `Time as a multiple of ${base} (left is faster; logarithmic)`, 'font-size="14"'),
    ...others.flatMap((side, i) => legend(side, i)),
    ...[0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50].flatMap((multiple) => grid(multiple, height)),
    ...body,
    '</svg>',
    '',
  ].join('\n')
}

function legend(side: string, i: number): string[] {
  const x = 10 + i * 150
  return [
    `<rect x="${x}" y="32" width="10" height="10" fill="${COLOURS[(i + 1) % COLOURS.length]}"/>`,
    text(x + 15, 41, side),
  ]
}

function grid(multiple: number, height: number): string[] {
  const x = at(multiple).toFixed(1)
  const colour = multiple === 1 ? '#444' : '#ddd'
  return [
    `<line x1="${x}" x2="${x}" y1="${HEAD - 4}" y2="${height - 8}" stroke="${colour}"/>`,
    text(at(multiple), HEAD - 7, `${multiple}×`, 'text-anchor="middle" fill="#666" font-size="9"'),
  ]
}

function bars(row: Row, base: string, sides: readonly string[], y: number): string[] {
  const drawn = sides.flatMap((side, i) => {
    const multiple = ratio(row, side, base)
    if (multiple === null) return []
    const [from, to] = [at(1), at(multiple)].sort((a, b) => a - b) as [number, number]
    const top = y + i * BAR
    const colour = COLOURS[(i + 1) % COLOURS.length]
    return [
      `<rect x="${from.toFixed(1)}" y="${top}" width="${Math.max(1, to - from).toFixed(1)}" height="${BAR - 1}" fill="${colour}"/>`,
      text(to + 4, top + BAR - 1.5, shownRatio(multiple), 'font-size="8" fill="#444"'),
    ]
  })
  const { target } = row.measure
  const middle = y + (sides.length * BAR) / 2
  const mark = target === undefined ? [] : [targetMark(at(target), y, sides.length * BAR)]
  return [text(LABELS - 10, middle + 4, row.measure.title, 'text-anchor="end"'), ...drawn, ...mark]
}

/** What is to be reached: a short red line. */
function targetMark(x: number, y: number, height: number): string {
  return `<line x1="${x.toFixed(1)}" x2="${x.toFixed(1)}" y1="${y - 2}" y2="${y + height}" stroke="#c00" stroke-width="1.5" stroke-dasharray="3 2"/>`
}
