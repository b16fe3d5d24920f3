/**
 * Sparse files in tars: which parts of a file are in the archive; the rest are holes. GNU tar has written the list in
 * four ways, all of them still met: in the header and blocks after it (type S), as PAX records (0.0, 0.1), and as text
 * at the beginning of the data (1.0). Here they become one list of extents, checked: in order, without overlap, inside
 * the file, and together as long as the data that is there. Pure.
 */
import { BLOCK, numberAt } from './read-header.js'
import { type PaxRecords, parseNumber } from './read-pax.js'

export interface Extent {
  readonly offset: number
  readonly length: number
}

/** Why extents cannot be right for a file of `size` with `stored` bytes in the archive; null when they can. */
export function faultOf(extents: readonly Extent[], size: number, stored: number): string | null {
  let end = 0
  let sum = 0
  for (const { offset, length } of extents) {
    if (offset < end) return 'the list of its parts overlaps itself'
    end = offset + length
    sum += length
    if (!Number.isSafeInteger(end) || end > size) return 'a part lies beyond its end'
  }
  return sum === stored ? null : 'its parts are not as long as what the archive holds of it'
}

/**
 * Old GNU: `count` structs of offset 12, length 12 at `at`; a blank one ends the list. Null where they are no numbers.
 */
export function oldGnuExtents(block: Uint8Array, at: number, count: number): Extent[] | null {
  const extents: Extent[] = []
  for (let i = 0; i < count; i++, at += 24) {
    if (block[at] === 0 && block[at + 12] === 0) break
    const offset = numberAt(block, at, 12)
    const length = numberAt(block, at + 12, 12)
    if (offset === null || length === null || offset < 0 || length < 0) return null
    extents.push({ offset, length })
  }
  return extents
}

/** What PAX records say of a sparse file. */
export interface PaxSparse {
  /** 1.0: the list is at the beginning of the data. */
  readonly inData: boolean
  readonly extents: readonly Extent[]
  readonly size: number
  readonly name: string | null
}

/** Collects repeated offset and numbytes records, which is how 0.0 wrote its list. */
export class SparseRecords {
  #offset: number | null = null
  readonly extents: Extent[] = []
  #sound = true

  readonly see = (key: string, value: Buffer): void => {
    if (key === 'GNU.sparse.offset') {
      if (this.#offset !== null) this.#sound = false
      this.#offset = parseNumber(value.toString('latin1'))
    } else if (key === 'GNU.sparse.numbytes') this.#add(parseNumber(value.toString('latin1')))
  }

  #add(length: number | null): void {
    if (this.#offset === null || length === null) this.#sound = false
    else this.extents.push({ offset: this.#offset, length })
    this.#offset = null
  }

  get sound(): boolean {
    return this.#sound && this.#offset === null
  }
}

/** The sparse file that `records` describe; undefined where they describe none, null where they make no sense. */
export function paxSparse(records: PaxRecords, repeated: SparseRecords): PaxSparse | null | undefined {
  const text = (key: string) => records.get(`GNU.sparse.${key}`)?.toString('latin1')
  const sizeText = text('realsize') ?? text('size')
  if (sizeText === undefined) return undefined
  const size = parseNumber(sizeText)
  const name = text('name') ?? null
  if (size === null) return null
  if (text('major') === '1') return { inData: true, extents: [], size, name }
  const map = text('map')
  if (map === undefined) return repeated.sound ? { inData: false, extents: repeated.extents, size, name } : null
  const extents = pairs(map === '' ? [] : map.split(',').map(parseNumber))
  return extents === null ? null : { inData: false, extents, size, name }
}

function pairs(numbers: readonly (number | null)[]): Extent[] | null {
  const extents: Extent[] = []
  if (numbers.length % 2 !== 0) return null
  for (let i = 0; i < numbers.length; i += 2) {
    const offset = numbers[i]!
    const length = numbers[i + 1]!
    if (offset === null || length === null) return null
    extents.push({ offset, length })
  }
  return extents
}

/** Most parts that a file may have. */
export const MOST_EXTENTS = 500_000
/** Of a 1.0 map: the count, and two for each part. */
const MOST_LINES = 1 + 2 * MOST_EXTENTS

/** Reads a 1.0 map block by block: a count, then offset and length of each part, a decimal number per line. */
export class SparseMap {
  #text = ''
  readonly #numbers: (number | null)[] = []

  /** Takes the next block; true when the list is complete, null when it is none. */
  add(block: Buffer): boolean | null {
    const lines = (this.#text + block.toString('latin1', 0, BLOCK)).split('\n')
    this.#text = lines.pop()!
    for (const line of lines) {
      this.#numbers.push(parseNumber(line))
      if (this.tooMany) return null
      if (this.#isComplete()) return true
    }
    return this.#text.length > 20 || this.tooMany ? null : false
  }

  /** The list says, or shows, that it has more than MOST_EXTENTS parts. */
  get tooMany(): boolean {
    return this.#numbers.length > MOST_LINES || (this.#numbers[0] ?? 0) > MOST_EXTENTS
  }

  #isComplete(): boolean {
    return this.#numbers.length === 1 + 2 * this.#numbers[0]!
  }

  /** The list, or null where it is no list of numbers. */
  extents(): Extent[] | null {
    return pairs(this.#numbers.slice(1))
  }
}
