/** What rows of the option table are made of: how a word is taken, and what its value is read as. Pure. */
import type { Draft } from './draft.js'
import { type SplitLowers, splitDataLowers, unescapePath } from './split.js'
import { Expectation } from './values.js'

export interface OptionRow {
  /** `either`: a value is allowed and not needed. */
  readonly takes: 'nothing' | 'value' | 'either'
  /** Changes the draft; the words of what was expected when the value is wrong. */
  apply(draft: Draft, value: string): string | undefined
}

type Apply = (draft: Draft) => void

/** A word without a value. */
export const flag = (change: Apply): OptionRow => ({
  takes: 'nothing',
  apply: (draft) => {
    change(draft)
    return undefined
  },
})

/** A word with a value that `read` understands. */
export function value<T>(read: (text: string) => T | Expectation, change: (draft: Draft, value: T) => void): OptionRow {
  const apply = (draft: Draft, text: string) => {
    const result = read(text)
    if (result instanceof Expectation) return result.words
    change(draft, result)
    return undefined
  }
  return { takes: 'value', apply }
}

export const mountFlag = (bit: number, on: boolean) =>
  flag(({ settings }) => {
    settings.flags = on ? settings.flags | bit : settings.flags & ~bit
  })

export const text = (written: string): string => written
export const path = (written: string): string | Expectation =>
  written === '' ? new Expectation('must be a path') : unescapePath(written)

export const dataLowers = (written: string): SplitLowers | Expectation => {
  const split = splitDataLowers(written)
  return typeof split === 'string' ? new Expectation(split) : split
}

/** Means nothing here, and nobody misses it. */
export const ignored: OptionRow = { takes: 'either', apply: () => undefined }

/** Means something elsewhere that is not done here: said aloud. */
export const ignoredAloud = (name: string, why: string): OptionRow => ({
  takes: 'either',
  apply: (draft) => {
    draft.warnings.push(`option ${name} is ignored: ${why}`)
    return undefined
  },
})

/** What it promises is not done, so it is not taken. */
export const refused = (why: string): OptionRow => ({ takes: 'nothing', apply: () => `is not supported: ${why}` })

/** Only one of its values can be had. */
export const only = (wanted: readonly string[], why: string): OptionRow => ({
  takes: 'value',
  apply: (_draft, given) => (wanted.includes(given) ? undefined : `is not supported: ${why}`),
})
