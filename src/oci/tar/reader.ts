/**
 * Reads tars: bytes are pushed in as they come, entries and their data go to a sink at once, without a copy and without
 * waiting. It is ours because the rules about layers need every byte as it is: tar-stream decodes names and PAX values
 * as UTF-8, which destroys binary attributes (security.capability) and other names, and knows no sparse files
 * (docs/decisions/0010-own-tar-reader.md). What is malformed is refused with the name of the entry; nothing is guessed,
 * and no header makes it hold more than META_LIMIT, nor all that are for the whole archive more than GLOBAL_LIMIT.
 */
import { StratafsError } from '../../base/failure.js'
import { entryFault, printable, type TarEntry, type TarSink } from './entry.js'
import { DataOut } from './read-data.js'
import { BLOCK, checksumMatches, isZero, numberAt, parseHeader, type RawHeader } from './read-header.js'
import { TarInput } from './read-input.js'
import { HeadersBefore, META } from './read-meta.js'
import { type Extent, faultOf, MOST_EXTENTS, oldGnuExtents, type PaxSparse, SparseMap } from './read-sparse.js'

/** Longest extended header, long name or PAX body: what Linux allows as attributes of one file, and some room. */
const META_LIMIT = 4 * 1024 * 1024
const TOO_MANY = `it has more than ${MOST_EXTENTS} parts`

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
  readonly #in = new TarInput()

  #header: RawHeader | null = null
  /** Data (or body) of the current entry still to come, without padding. */
  #left = 0
  #padding = 0
  #entry: TarEntry | null = null
  #extents: Extent[] | null = null
  #map: SparseMap | null = null
  readonly #before = new HeadersBefore()
  readonly #out: DataOut
  /** The last entry's name, for messages about what comes after it. */
  #last = ''
  #count = 0

  constructor(private readonly sink: TarSink) {
    this.#out = new DataOut(sink)
  }

  /** Entries seen so far. */
  get count(): number {
    return this.#count
  }

  /** The entry that is being read, or the last one; latin1. */
  get current(): string {
    return this.#entry?.name ?? this.#last
  }

  /** Bytes of the archive that have been used: when the sink gets an entry, where its data begins. */
  get position(): number {
    return this.#in.position
  }

  /** Bytes of data and padding that come next; nobody needs to push them who calls `skip`. */
  get ahead(): number {
    return this.#state === 'data' || this.#state === 'padding' ? this.#left + this.#padding : 0
  }

  /** Goes on as if all that is `ahead` had been pushed. The sink gets none of it. */
  skip(): void {
    if (this.ahead === 0) return
    this.#in.pass(this.ahead)
    this.#padding = 0
    if (this.#state === 'data') this.#endData()
    this.#state = 'header'
    this.#left = 0
  }

  /** Takes the next bytes. Throws StratafsError where the archive, or the sink, refuses. */
  push(chunk: Buffer): void {
    this.#in.feed(chunk)
    while (this.#step()) {}
  }

  /**
   * The stream has ended. `whole`: it is known by its digest to be what was meant. Then a missing end mark, and missing
   * padding before it, are borne, as some programs write none (umoci insert), and no bytes at all are a layer of
   * nothing. Without that knowledge an archive without end mark is one that was cut short.
   */
  finish(whole: boolean): void {
    if (this.#state === 'end' && !this.#in.isAmidBlock) return
    const complete = this.#state === 'header' || this.#state === 'padding'
    const between = complete && !this.#in.isAmidBlock && !this.#before.isWaiting
    if (between && whole && (this.#count > 0 || this.#last === '')) return
    if (this.#count === 0 && this.#last === '')
      throw new StratafsError('this is not a tar archive: it ends before the first entry', 'DAMAGED')
    const where = between ? `after ${printable(this.#last)} without an end mark` : `in ${printable(this.current)}`
    const way = between ? ': where it is meant to be so, say which it is (--digest)' : ''
    throw new StratafsError(`the archive is cut short: it ends ${where}${way}`, 'DAMAGED')
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
    const block = this.#in.block(length)
    if (block === null) return false
    use(block)
    return true
  }

  #readHeader(block: Buffer): void {
    if (isZero(block)) {
      if (this.#before.isWaiting) throw this.#fault('the archive ends after a header that belongs to the next entry')
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
      return new StratafsError('this is not a tar archive: its first block is no header', 'DAMAGED')
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
    const fault = this.#before.take(flag, body)
    if (fault !== null) throw this.#fault(fault)
  }

  #beginEntry(header: RawHeader, block: Buffer): void {
    const found = this.#before.describe(header)
    this.#last = found.entry.name
    this.#entry = found.entry
    this.#setLength(found.stored)
    this.#extents = null
    this.#map = null
    if (found.entry.type !== 'file') return this.#deliver()
    if (header.flag === 'S') this.#beginOldSparse(block)
    else this.#beginFile(found.sparse)
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
    if (more === null) throw this.#fault('its list of parts makes no sense')
    if (this.#extents!.length + more.length > MOST_EXTENTS) throw this.#fault(TOO_MANY)
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
    if (this.#map!.tooMany) throw this.#fault(TOO_MANY)
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
    this.#count++
    this.#out.begin(this.#entry!)
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
    const bytes = this.#in.run(this.#left)
    if (bytes.length === 0) return false
    this.#out.give(bytes)
    this.#left -= bytes.length
    if (this.#left === 0) this.#endData()
    return true
  }

  #skipPadding(): boolean {
    const { length } = this.#in.run(this.#padding)
    if (length === 0) return false
    this.#padding -= length
    if (this.#padding === 0) this.#state = 'header'
    return true
  }

  #readEnd(): boolean {
    if (!this.#in.restIsZero())
      throw new StratafsError(
        `the archive has bytes after its end mark (its last entry is ${printable(this.#last)})`,
        'DAMAGED',
      )
    return false
  }

  #fault(words: string): StratafsError {
    return entryFault(this.#last, words)
  }
}
