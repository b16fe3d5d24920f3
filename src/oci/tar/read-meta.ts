/**
 * Headers of a tar that are about the entry after them: PAX records, those for all that follow among them, and GNU's
 * long names. They are gathered until the entry's own header comes.
 */
import { type Described, describeEntry } from './read-entry.js'
import { type RawHeader, textAt } from './read-header.js'
import { isKnownRecord, type PaxRecords, parsePax } from './read-pax.js'
import { SparseRecords } from './read-sparse.js'

/**
 * Types that carry something about the archive or the next entry. `V` is GNU's label of a volume: nothing to unpack.
 */
export const META = ['x', 'X', 'g', 'L', 'K', 'V']

/**
 * All that headers say about every entry after them, in bytes: what one entry's attributes can be on most filesystems.
 */
const GLOBAL_LIMIT = 64 * 1024

export class HeadersBefore {
  #global: PaxRecords = new Map()
  #pax: PaxRecords | null = null
  #repeated = new SparseRecords()
  #longName: string | null = null
  #longLink: string | null = null

  /** Something has been said about an entry that has not come yet. */
  get isWaiting(): boolean {
    return this.#pax !== null || this.#longName !== null || this.#longLink !== null
  }

  /** Takes the body of a header of type `flag`; the fault where it cannot be taken, else null. */
  take(flag: string, body: Buffer): string | null {
    if (flag === 'L') this.#longName = textAt(body, 0, body.length)
    else if (flag === 'K') this.#longLink = textAt(body, 0, body.length)
    else if (flag !== 'V') return this.#takePax(body, flag === 'g')
    return null
  }

  #takePax(body: Buffer, global: boolean): string | null {
    const repeated = new SparseRecords()
    const records = parsePax(body, repeated.see)
    if (records === null) return 'a PAX header that is malformed'
    if (global) return this.#takeGlobal(records)
    this.#pax = records
    this.#repeated = repeated
    return null
  }

  /** Those that mean something here, until another takes their place; an empty one takes the field back. */
  #takeGlobal(records: PaxRecords): string | null {
    for (const [key, value] of records) {
      if (value.length === 0) this.#global.delete(key)
      else if (isKnownRecord(key)) this.#global.set(key, value)
    }
    let length = 0
    for (const [key, value] of this.#global) length += key.length + value.length
    return length <= GLOBAL_LIMIT ? null : `PAX headers for all entries hold more than ${GLOBAL_LIMIT} bytes`
  }

  /** The entry that `header` begins, with all that was said before it, which is used up. */
  describe(header: RawHeader): Described {
    const names = { name: this.#longName, linkname: this.#longLink }
    this.#longName = null
    this.#longLink = null
    return describeEntry(header, this.#takeRecords(), this.#repeated, names)
  }

  #takeRecords(): PaxRecords {
    const own = this.#pax
    this.#pax = null
    if (own === null) return this.#global
    return this.#global.size === 0 ? own : new Map([...this.#global, ...own])
  }
}
