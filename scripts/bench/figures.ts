/** What was measured, and what is made of it: medians over the rounds, and multiples of the first side. Pure. */
import type { Trips } from './trips.js'
import type { Measure } from './workload.js'

/** The figures of one measure: per side one number for each round. */
export interface Row {
  readonly measure: Measure
  readonly figures: Record<string, number[]>
  /** What requests it takes of those sides whose requests are counted, for each round. */
  readonly trips?: Record<string, Trips[]>
}

/** The results of a run, as `--json` prints them and docs/benchmarks.json keeps them. */
export interface Results {
  readonly machine: Readonly<Record<string, string>>
  readonly sides: readonly { readonly name: string; readonly about: string }[]
  readonly missing: readonly string[]
  readonly rows: readonly Row[]
}

/** The middle one; of an even number the mean of the two in the middle. NaN of none. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return Number.NaN
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** The median of `side` as a multiple of that of `base`; null where either is absent or nothing. */
export function ratio(row: Row, side: string, base: string): number | null {
  const of = median(row.figures[side] ?? [])
  const against = median(row.figures[base] ?? [])
  return Number.isFinite(of) && against > 0 ? of / against : null
}

/**
 * What `row` would take with kernel overlayfs's time and as many empty requests as `side` gets, as a multiple of it;
 * null where not counted.
 */
export function floorOf(row: Row, side: string, base: string): number | null {
  const kernel = median(row.figures[base] ?? [])
  const trips = median((row.trips?.[side] ?? []).map(({ requests, seconds }) => requests * seconds))
  return kernel > 0 && Number.isFinite(trips) ? (kernel + trips) / kernel : null
}

/** Three digits at most, with the unit. */
export function shownFigure(figure: number, unit: Measure['unit']): string {
  if (!Number.isFinite(figure)) return '–'
  if (unit === 'MB') return `${figure < 10 ? figure.toFixed(1) : figure.toFixed(0)} MB`
  return figure < 0.1 ? `${(figure * 1000).toFixed(figure < 0.01 ? 1 : 0)} ms` : `${figure.toFixed(2)} s`
}

export function shownRatio(value: number | null): string {
  if (value === null) return '–'
  return `${value < 10 ? value.toFixed(value < 1 ? 2 : 1) : value.toFixed(0)}×`
}
