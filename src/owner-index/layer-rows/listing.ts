/**
 * One directory of one layer as it lies in that layer's rows (layer-file.ts): its names, what stat says of each, and
 * which files carry marks of a union. It stands in for readdir, statx and listxattr, so it holds whatever they would
 * tell: whoever changes what it holds, or how, gives LAYER_ROWS_VERSION another number.
 */
import type { Layer } from '../../layers/layer-dir.js'
import { STAT_SLOTS, Stat } from '../../syscalls/stat.js'
import { Records } from '../database/stat-rows.js'

/** What goes into a row. */
export interface PackedListing {
  readonly names: Buffer
  /** A byte for each name, 1: a file with marks; then, from a multiple of 8 on, the stat records. */
  readonly content: Buffer
}

/** Names cannot hold it, nor are they empty. */
const BETWEEN = '/'

function recordsAt(count: number): number {
  return Math.ceil(count / 8) * 8
}

/** `stats`: STAT_SLOTS numbers per name. */
export function packListing(names: readonly string[], marked: Uint8Array, stats: Float64Array): PackedListing {
  const at = recordsAt(names.length)
  const memory = new ArrayBuffer(at + Records.bytesFor(names.length))
  new Uint8Array(memory).set(marked)
  const records = new Records(names.length, memory, at)
  for (let i = 0; i < names.length; i++) records.keep(i, stats.subarray(i * STAT_SLOTS, (i + 1) * STAT_SLOTS))
  return { names: Buffer.from(names.join(BETWEEN), 'latin1'), content: Buffer.from(memory) }
}

export class Listing {
  private constructor(
    readonly names: readonly string[],
    private readonly marked: Uint8Array,
    private readonly records: Records,
    private readonly layer: Layer,
  ) {}

  /** What `packed` holds of `count` names; null where that cannot be. */
  static of({ names: joined, content }: PackedListing, count: number, layer: Layer): Listing | null {
    const names = joined.length === 0 ? [] : joined.toString('latin1').split(BETWEEN)
    const at = recordsAt(count)
    if (names.length !== count || content.length !== at + Records.bytesFor(count)) return null
    // A copy: records lie at a multiple of 8.
    const memory = new ArrayBuffer(content.length)
    new Uint8Array(memory).set(content)
    return new Listing(names, new Uint8Array(memory, 0, count), new Records(count, memory, at), layer)
  }

  /** Whether name number `i` is a file with marks of a union. */
  isMarked(i: number): boolean {
    return this.marked[i] === 1
  }

  /** The stat record of name number `i`, to `at` of `into`: all but the mount and the file's flags. */
  copyStat(i: number, into: Float64Array, at: number): void {
    const record = into.subarray(at, at + STAT_SLOTS)
    this.records.copy(i, record)
    record[Stat.DEV_MAJOR] = this.layer.deviceMajor
    record[Stat.DEV_MINOR] = this.layer.deviceMinor
  }
}

/** Goes on with a sum over what a row holds. */
export function sumOf(bytes: Uint8Array, before = 0x811c9dc5): number {
  let sum = before
  for (let i = 0; i < bytes.length; i++) sum = Math.imul(sum ^ bytes[i]!, 0x01000193)
  return sum >>> 0
}
