/** Sizes, times, reasons and colours, the same everywhere on the page. */
import type { Change, Kind, Reason } from '../../views/types.js'

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

export function sizeText(bytes: number): string {
  let value = Math.abs(bytes)
  let unit = 0
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit++
  }
  return `${bytes < 0 ? '-' : ''}${Number(value.toPrecision(3))} ${UNITS[unit]}`
}

const SPANS: readonly (readonly [from: number, unit: number, name: string])[] = [
  [63_072_000, 31_536_000, 'year'],
  [5_184_000, 2_592_000, 'month'],
  [1_209_600, 604_800, 'week'],
  [172_800, 86_400, 'day'],
  [3_600, 3_600, 'hour'],
  [60, 60, 'minute'],
  [0, 1, 'second'],
]

/** `3 days ago`; empty for no time. */
export function agoText(time: string | null): string {
  const at = time === null ? Number.NaN : Date.parse(time)
  if (Number.isNaN(at)) return ''
  const seconds = Math.max(0, Math.floor((Date.now() - at) / 1000))
  const [, unit, name] = SPANS.find(([from]) => seconds >= from)!
  const count = Math.floor(seconds / unit)
  return `${count} ${name}${count === 1 ? '' : 's'} ago`
}

/** Seconds since 1970 as a day and a time. */
export function timeText(seconds: number | null): string {
  if (seconds === null) return ''
  const time = new Date(seconds * 1000)
  return Number.isNaN(time.getTime()) ? '' : time.toISOString().slice(0, 16).replace('T', ' ')
}

/** The hue of a layer: neighbours are far apart. */
export function hueOf(layer: number): number {
  return Math.round((layer * 137.5 + 205) % 360)
}

export const REASONS: Readonly<Record<Reason, string>> = {
  replaced: 'replaced by',
  deleted: 'deleted by',
  opaque: 'hidden by an opaque directory of',
  'parent-deleted': 'in a directory deleted by',
  'parent-replaced': 'below what became no directory in',
}

export const CHANGES: Readonly<Record<Change, string>> = { A: 'added', C: 'changed', D: 'deleted', U: '' }

const LETTERS: Readonly<Record<Kind, string>> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  link: 'h',
  char: 'c',
  block: 'b',
  fifo: 'p',
  socket: 's',
  whiteout: 'w',
}

/** `drwxr-xr-x`. */
export function modeLetters(kind: Kind, mode: string): string {
  const bits = Number.parseInt(mode, 8)
  const letters = [...'rwxrwxrwx'].map((letter, at) => ((bits >> (8 - at)) & 1 ? letter : '-'))
  const special: readonly (readonly [number, number, string])[] = [
    [0o4000, 2, 's'],
    [0o2000, 5, 's'],
    [0o1000, 8, 't'],
  ]
  for (const [bit, at, letter] of special)
    if (bits & bit) letters[at] = letters[at] === 'x' ? letter : letter.toUpperCase()
  return LETTERS[kind] + letters.join('')
}
