/**
 * Reads tars: bytes are pushed in as they come, entries and their data go to a sink at once, without a copy and without
 * waiting. It is ours because the rules about layers need every byte as it is: tar-stream decodes names and PAX values as
 * UTF-8, which destroys binary attributes (security.capability) and other names, and knows no sparse files
 * (docs/decisions/0010-own-tar-reader.md). What is malformed is refused with the name of the entry; nothing is guessed, and
 * no header makes it allocate more than META_LIMIT.
 */
import { StratafsError } from '../base/failure.js'
import { entryFault, printable, type TarEntry, type TarSink } from './tar-entry.js'
import { describeEntry } from './tar-read-entry.js'
import { BLOCK, checksumMatches, isZero, numberAt, parseHeader, type RawHeader, textAt } from './tar-read-header.js'
import { type PaxRecords, parsePax } from './tar-read-pax.js'
import { type Extent, faultOf, oldGnuExtents, type PaxSparse, SparseMap, SparseRecords } from './tar-read-sparse.js'

/** Longest extended header, long name or PAX body: what Linux allows as attributes of one file, and some room. */
const META_LIMIT = 4 * 1024 * 1024
const MOST_EXTENTS = 1_000_000
/** Types that carry something about the archive or the next entry. `V` is GNU's label of a volume: nothing to unpack. */
const META = ['x', 'X', 'g', 'L', 'K', 'V']

type State =
  | 'header' // at a block that begins an entry, or the end mark
  | 'meta' // in the body of an extended header
  | 'old-sparse' // in the blocks that go on with an old GNU list of parts
  | 'sparse-map' // in the list of parts at the beginning of the data
  | 'data' // in a file's data
  | 'padding' // between data and the next block
  | 'end' // behind the end mark: only zeros may follow

export class TarReader {
  #state: State = 'header'
  #chunk: Buffer = Buffer.alloc(0)
  #at = 0
  /** A block that lies in two chunks. */
  #partial: Buffer | null = null
  #filled = 0

  #header: RawHeader | null = null
  /** Data (or body) of the current entry still to come, without padding. */
  #left = 0
  #padding = 0
  #entry: TarEntry | null = null
  #extents: Extent[] | null = null
  #map: SparseMap | null = null
  /** Position in the list of parts, and inside that part. */
  #part = 0
  #inPart = 0

  #global: PaxRecords = new Map()
  #pax: PaxRecords | null = null
  #repeated = new SparseRecords()
  #longName: string | null = null
  #longLink: string | null = null
  /** The last entry's name, for messages about what comes after it. */
  #last = ''
  #count = 0

  constructor(private readonly sink: TarSink) {}

  /** Entries seen so far. */
  get count(): number {
    return this.#count
  }

  /** The entry that is being read, or the last one; latin1. */
  get current(): string {
    return this.#entry?.name ?? this.#last
  }

  /** Takes the next bytes. Throws StratafsError where the archive, or the sink, refuses. */
  push(chunk: Buffer): void {
    this.#chunk = chunk
    this.#at = 0
    while (this.#step()) {}
  }

  /**
   * The stream has ended. `whole`: it is known by its digest to be what was meant; then a missing end mark is borne, as
   * some programs write none. Without that knowledge an archive without end mark is one that was cut short.
   */
  finish(whole: boolean): void {
    if (this.#state === 'end' && this.#filled === 0) return
    const between = this.#state === 'header' && this.#filled === 0 && !this.#isAmidHeaders()
    if (between && whole && this.#count > 0) return
    if (this.#count === 0 && this.#last === '')
      throw new StratafsError('this is not a tar archive: it ends before the first entry')
    const where = between ? `after ${printable(this.#last)} without an end mark` : `in ${printable(this.current)}`
    throw new StratafsError(`the archive is cut short: it ends ${where}`)
  }

  #isAmidHeaders(): boolean {
    return this.#pax !== null || this.#longName !== null || this.#longLink !== null
  }

  /** One step; false when the chunk is used up. */
  #step(): boolean {
    switch (this.#state) {
      case 'header':
        return this.#withBlock((block) => this.#readHeader(block))
      case 'meta':
        return this.#withBlock((body) => this.#readMeta(body), this.#left + this.#padding)
      case 'old-sparse':
        return this.#withBlock((block) => this.#readOldSparse(block))
      case 'sparse-map':
        return this.#withBlock((block) => this.#readSparseMap(block))
      case 'data':
        return this.#readData()
      case 'padding':
        return this.#skipPadding()
      case 'end':
        return this.#readEnd()
    }
  }

  /** Calls `use` with the next `length` bytes once they are there. */
  #withBlock(use: (block: Buffer) => void, length = BLOCK): boolean {
    const available = this.#chunk.length - this.#at
    if (this.#partial === null && available >= length) {
      const block = this.#chunk.subarray(this.#at, this.#at + length)
      this.#at += length
      use(block)
      return true
    }
    if (available === 0 && length > 0) return false
    this.#partial ??= Buffer.alloc(length)
    const taken = this.#chunk.copy(this.#partial, this.#filled, this.#at, this.#at + length - this.#filled)
    this.#at += taken
    this.#filled += taken
    if (this.#filled < length) return false
    const block = this.#partial
    this.#partial = null
    this.#filled = 0
    use(block)
    return true
  }

  #readHeader(block: Buffer): void {
    if (isZero(block)) {
      if (this.#isAmidHeaders()) throw this.#fault('the archive ends after a header that belongs to the next entry')
      this.#state = 'end'
      return
    }
    if (!checksumMatches(block)) throw this.#notAHeader()
    const header = parseHeader(block)
    if (typeof header === 'string') throw this.#fault(`a header whose ${header} is no number`)
    this.#header = header
    if (META.includes(header.flag)) return this.#beginMeta(header)
    this.#beginEntry(header, block)
  }

  #notAHeader(): StratafsError {
    if (this.#count === 0 && this.#last === '')
      return new StratafsError('this is not a tar archive: its first block is no header')
    return this.#fault('what follows is no tar header (wrong checksum): the archive is damaged')
  }

  #beginMeta({ size, flag, name }: RawHeader): void {
    if (size < 0 || size > META_LIMIT)
      throw this.#fault(`a header of type ${flag} of ${size} bytes: at most ${META_LIMIT} are read`)
    this.#setLength(size)
    this.#last = this.#last === '' ? name : this.#last
    this.#state = 'meta'
    // An empty body is no block to wait for.
    if (size === 0) this.#readMeta(Buffer.alloc(0))
  }

  #setLength(size: number): void {
    this.#left = size
    this.#padding = (BLOCK - (size % BLOCK)) % BLOCK
  }

  #readMeta(whole: Buffer): void {
    const body = whole.subarray(0, this.#left)
    const flag = this.#header!.flag
    this.#state = 'header'
    if (flag === 'L') this.#longName = textAt(body, 0, body.length)
    else if (flag === 'K') this.#longLink = textAt(body, 0, body.length)
    else if (flag !== 'V') this.#readPax(body, flag === 'g')
  }

  #readPax(body: Buffer, global: boolean): void {
    const repeated = new SparseRecords()
    const records = parsePax(body, repeated.see)
    if (records === null) throw this.#fault('a PAX header that is malformed')
    if (global) for (const [key, value] of records) this.#global.set(key, value)
    else {
      this.#pax = records
      this.#repeated = repeated
    }
  }

  #beginEntry(header: RawHeader, block: Buffer): void {
    const records = this.#takeRecords()
    const found = describeEntry(header, records, this.#repeated, { name: this.#longName, linkname: this.#longLink })
    this.#longName = null
    this.#longLink = null
    this.#last = found.entry.name
    this.#entry = found.entry
    this.#setLength(found.stored)
    this.#extents = null
    this.#map = null
    if (found.entry.type !== 'file') return this.#deliver()
    if (header.flag === 'S') this.#beginOldSparse(block)
    else this.#beginFile(found.sparse)
  }

  #takeRecords(): PaxRecords {
    const own = this.#pax
    this.#pax = null
    if (own === null) return this.#global
    return this.#global.size === 0 ? own : new Map([...this.#global, ...own])
  }

  /** isextended @482, realsize 12 @483; four structs @386. */
  #beginOldSparse(block: Buffer): void {
    const size = numberAt(block, 483, 12)
    const extents = oldGnuExtents(block, 386, 4)
    if (size === null || size < 0 || extents === null) throw this.#fault('its list of parts makes no sense')
    this.#entry = { ...this.#entry!, size }
    this.#extents = extents
    if (block[482] !== 0) this.#state = 'old-sparse'
    else this.#deliver()
  }

  /** 21 structs @0, isextended @504. */
  #readOldSparse(block: Buffer): void {
    const more = oldGnuExtents(block, 0, 21)
    if (more === null || this.#extents!.length > MOST_EXTENTS) throw this.#fault('its list of parts makes no sense')
    this.#extents!.push(...more)
    if (block[504] === 0) this.#deliver()
  }

  #beginFile(sparse: PaxSparse | undefined): void {
    if (sparse === undefined) return this.#deliver()
    this.#extents = [...sparse.extents]
    if (!sparse.inData) return this.#deliver()
    this.#map = new SparseMap()
    this.#state = 'sparse-map'
  }

  #readSparseMap(block: Buffer): void {
    this.#left -= BLOCK
    const complete = this.#left < 0 ? null : this.#map!.add(block)
    if (complete === false) return
    const extents = complete === null ? null : this.#map!.extents()
    if (extents === null) throw this.#fault('its list of parts makes no sense')
    this.#extents = extents
    this.#deliver()
  }

  /** The entry is known in full: on to its data. */
  #deliver(): void {
    const entry = this.#entry!
    if (this.#extents !== null) {
      const fault = faultOf(this.#extents, entry.size, this.#left)
      if (fault !== null) throw this.#fault(fault)
      this.#entry = { ...entry, extents: this.#extents }
    }
    this.#part = 0
    this.#inPart = 0
    this.#count++
    this.sink.entry(this.#entry!)
    this.#state = 'data'
    if (this.#left === 0) this.#endData()
  }

  #endData(): void {
    this.sink.end()
    this.#entry = null
    this.#state = this.#padding > 0 ? 'padding' : 'header'
  }

  #readData(): boolean {
    const length = Math.min(this.#left, this.#chunk.length - this.#at)
    if (length === 0) return false
    const bytes = this.#chunk.subarray(this.#at, this.#at + length)
    const position = this.#positionBefore(length)
    if (this.#extents === null) this.#hand(bytes, position)
    else this.#spread(bytes)
    this.#at += length
    this.#left -= length
    if (this.#left === 0) this.#endData()
    return true
  }

  #positionBefore(length: number): number {
    const position = this.#inPart
    if (this.#extents === null) this.#inPart += length
    return position
  }

  /** A directory's list of names is nobody's data. */
  #hand(bytes: Buffer, offset: number): void {
    if (this.#entry!.type === 'file') this.sink.data(bytes, offset)
  }

  #spread(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const { offset, length } = this.#extents![this.#part]!
      const taken = Math.min(length - this.#inPart, bytes.length - at)
      if (taken > 0) this.#hand(bytes.subarray(at, at + taken), offset + this.#inPart)
      at += taken
      this.#inPart += taken
      if (this.#inPart < length) continue
      this.#part++
      this.#inPart = 0
    }
  }

  #skipPadding(): boolean {
    const length = Math.min(this.#padding, this.#chunk.length - this.#at)
    if (length === 0) return false
    this.#at += length
    this.#padding -= length
    if (this.#padding === 0) this.#state = 'header'
    return true
  }

  #readEnd(): boolean {
    if (!isZero(this.#chunk, this.#at)) {
      throw new StratafsError(`the archive has bytes after its end mark (its last entry is ${printable(this.#last)})`)
    }
    this.#at = this.#chunk.length
    return false
  }

  #fault(words: string): StratafsError {
    return entryFault(this.#last, words)
  }
}
