/**
 * What a mount option's value may be: each function takes the written value and returns the parsed one, or an
 * `Expectation`, which says what was expected in words that end the sentence "option NAME=VALUE …". Pure.
 */
import type { IdRange } from '../../union/context/config.js'

export class Expectation {
  constructor(readonly words: string) {}
}

const LARGEST_ID = 0xfffffffe

/** One of `words`. */
export function oneOf<const T extends string>(value: string, words: readonly T[]): T | Expectation {
  return words.find((word) => word === value) ?? new Expectation(`must be one of ${words.join(', ')}`)
}

/** `on` or `off`. */
export function onOff(value: string): boolean | Expectation {
  const word = oneOf(value, ['on', 'off'])
  return word instanceof Expectation ? word : word === 'on'
}

/** Kernel overlayfs's `auto`, `strict` and `volatile`, fuse-overlayfs's `0` and `1`. */
export function fsyncMode(value: string): 'auto' | 'strict' | 'volatile' | '0' | '1' | Expectation {
  return oneOf(value, ['auto', 'strict', 'volatile', '0', '1'])
}

/** `on` is kept by refusing what has a digest; `require` would need each digest checked. */
export function verity(value: string): 'off' | 'on' | Expectation {
  if (value !== 'require') return oneOf(value, ['off', 'on', 'require']) as 'off' | 'on' | Expectation
  return new Expectation('is not supported: digests of lower files are not checked')
}

/** A whole number from 0 to `largest`. */
export function wholeNumber(value: string, largest: number): number | Expectation {
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN
  return number <= largest ? number : new Expectation(`must be a whole number from 0 to ${largest}`)
}

const UNITS = 'kmgtp'

function power(unit: string): number {
  return unit === '' ? 0 : UNITS.indexOf(unit.toLowerCase()) + 1
}

/** Bytes, as docker and podman take a size: 1024 to a k, also `10G`, `1.5gb`, `64MiB`. */
export function byteCount(value: string): number | Expectation {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?$/i.exec(value) ?? []
  const bytes = number === undefined ? Number.NaN : Number(number) * 1024 ** power(unit!)
  const usable = unit !== '' || Number.isInteger(bytes)
  if (usable && bytes <= Number.MAX_SAFE_INTEGER) return Math.floor(bytes)
  return new Expectation('must be a number of bytes, or one with a unit (10G, 512m)')
}

/** A user or group id. -1 is no id. */
export function id(value: string): number | Expectation {
  return wholeNumber(value, LARGEST_ID)
}

/** Seconds, with a fraction if need be. */
export function seconds(value: string): number | Expectation {
  return /^\d+(\.\d*)?$|^\.\d+$/.test(value) ? Number(value) : new Expectation('must be a number of seconds')
}

/**
 * `HOST:TO:LENGTH[:HOST:TO:LENGTH…]`, fuse-overlayfs's shape: ids HOST and up on disk are ids TO and up in the mount.
 * Empty fields are skipped, so a leading colon (as podman writes it) means nothing. The last range given is asked
 * first, as there.
 */
export function idMapping(value: string): IdRange[] | Expectation {
  const fields = value.split(':').filter((field) => field !== '')
  const numbers = fields.map((field) => wholeNumber(field, 0xffffffff))
  const usable = numbers.every((number) => typeof number === 'number') && numbers.length % 3 === 0
  if (!usable) return new Expectation('must be HOST:TO:LENGTH, once or more, separated by colons')
  const ranges: IdRange[] = []
  for (let at = 0; at < numbers.length; at += 3) {
    const [host, to, length] = numbers.slice(at, at + 3) as [number, number, number]
    if (Math.max(host, to) + length > 2 ** 32) return new Expectation('has a range beyond the largest id')
    if (length > 0) ranges.unshift({ to, host, length })
  }
  return ranges
}
