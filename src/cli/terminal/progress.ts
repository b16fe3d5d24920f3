/**
 * A bar for what takes a while: on standard error, only where that is a terminal, redrawn at most ten times a second,
 * and gone when the work is done. What a program would read is never in it.
 */

import { sizeText } from './units.js'

const WIDTH = 30
const INTERVAL_MS = 100

interface Bar {
  /** `done` of `total` bytes; null where nobody knows how many there are. */
  show(done: number, total: number | null): void
  /** Takes the bar away. */
  clear(): void
}

/** A bar that begins with `label`; one that does nothing where nobody would see it. */
export function progressBar(label: string, stream: NodeJS.WriteStream = process.stderr): Bar {
  if (!stream.isTTY) return { show: () => {}, clear: () => {} }
  let last = 0
  let drawn = false
  return {
    show: (done, total) => {
      const now = Date.now()
      if (now - last < INTERVAL_MS) return
      last = now
      drawn = true
      stream.write(`\r${barText(label, done, total, stream.columns || 80)}\x1b[K`)
    },
    clear: () => {
      if (drawn) stream.write('\r\x1b[K')
      drawn = false
    },
  }
}

/** A count of entries behind `label`, from the second second on; nothing where nobody would see it. */
export function entryCounter(label: string, stream: NodeJS.WriteStream = process.stderr): CounterLine {
  const begun = Date.now()
  let last = begun + SECOND_MS - INTERVAL_MS
  let drawn = false
  return {
    show: (entries) => {
      const now = Date.now()
      if (!stream.isTTY || now - last < INTERVAL_MS) return
      last = now
      drawn = true
      stream.write(`\r${label}: ${entries} entries\x1b[K`)
    },
    clear: () => {
      if (drawn) stream.write('\r\x1b[K')
    },
  }
}

interface CounterLine {
  show(entries: number): void
  /** Takes the line away. */
  clear(): void
}

const SECOND_MS = 1000

/** The line. Pure. */
function barText(label: string, done: number, total: number | null, columns: number): string {
  const amount = total === null ? sizeText(done) : `${sizeText(done)} of ${sizeText(total)}`
  if (total === null || total === 0) return `${label} ${amount}`.slice(0, columns - 1)
  const part = Math.min(1, done / total)
  const full = Math.round(part * WIDTH)
  const bar = `[${'#'.repeat(full)}${'.'.repeat(WIDTH - full)}] ${String(Math.round(part * 100)).padStart(3)} %`
  return `${label} ${bar} ${amount}`.slice(0, columns - 1)
}
