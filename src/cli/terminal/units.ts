/**
 * Sizes and times as every command prints them: three digits and a decimal unit, and how long ago, as docker's lists
 * have it. Pure.
 */

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB']

/** `512 B`, `1.53 kB`, `99.7 kB`, `170 MB`. */
export function sizeText(bytes: number): string {
  let value = bytes
  let unit = 0
  // What would be rounded to 1000 is 1 of the next unit.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit++
  }
  return `${Number(value.toPrecision(3))} ${UNITS[unit]}`
}

const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const YEAR = 365 * DAY

/** Each unit from so many seconds on: two hours are told in minutes no longer, two days in hours no longer. */
const SPANS: readonly (readonly [from: number, unit: number, name: string])[] = [
  [2 * YEAR, YEAR, 'year'],
  [60 * DAY, 30 * DAY, 'month'],
  [14 * DAY, 7 * DAY, 'week'],
  [2 * DAY, DAY, 'day'],
  [HOUR, HOUR, 'hour'],
  [MINUTE, MINUTE, 'minute'],
  [0, 1, 'second'],
]

/** `12 seconds`, `1 minute`, `3 days`, `5 months`. */
export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  const [, unit, name] = SPANS.find(([from]) => whole >= from)!
  const count = Math.floor(whole / unit)
  return `${count} ${name}${count === 1 ? '' : 's'}`
}

/** `3 days ago`; `-` for a time that is not told, or is none. `time` is an ISO time, `now` in milliseconds. */
export function agoText(time: string | null, now: number = Date.now()): string {
  const at = time === null ? Number.NaN : Date.parse(time)
  return Number.isNaN(at) ? '-' : `${durationText((now - at) / 1000)} ago`
}
