/**
 * Rows on their way to the second thread of a build: of many directories at once, in a few long arrays that are handed
 * over instead of copied. An object and its arrays for each directory would take the thread a fifth of its time.
 */

import type { HiddenName } from '../../stack/explained-names.js'
import { STAT_SLOTS } from '../../syscalls/stat.js'
import { KEY_BYTES } from '../database/place.js'
import type { StoredRows } from '../database/rows.js'
import { STAMP_BYTES } from '../database/stamps.js'

/** A directory's rows, with its id and its parent's. */
export interface NumberedRows {
  readonly id: number
  readonly parent: number
  readonly rows: StoredRows
}

/** What is sent. Whatever belongs to directories or names stands one after the other, in their order. */
interface RowBatch {
  /** HEAD numbers a directory. */
  readonly heads: Float64Array<ArrayBuffer>
  /** Of all directories, a slash between them. */
  readonly dirNames: string
  /** KEY_BYTES a directory, zeros for none. */
  readonly keys: Uint8Array<ArrayBuffer>
  readonly layers: Int32Array<ArrayBuffer>
  readonly stamps: Uint8Array<ArrayBuffer>
  /** Of all names, a slash between them. */
  readonly names: string
  readonly owners: Int32Array<ArrayBuffer>
  readonly entryFlags: Uint8Array<ArrayBuffer>
  readonly stats: Float64Array<ArrayBuffer>
  /** Those that join several layers: the name's number, and which. */
  readonly joined: readonly (readonly [number, Uint8Array])[]
  /** By the directory's number. */
  readonly hidden: readonly (readonly [number, HiddenName])[]
}

/** Of a head: id, parent, names, layers, flags, racy, readAt. */
const HEAD = 7

/** The arrays whose memory goes over with `sent`. */
export function memoryOf({ heads, keys, layers, stamps, owners, entryFlags, stats }: RowBatch): ArrayBuffer[] {
  return [heads, keys, layers, stamps, owners, entryFlags, stats].map(({ buffer }) => buffer)
}

/** Lays out `batch`. */
export function packRows(batch: readonly NumberedRows[]): RowBatch {
  const sum = (of: (rows: StoredRows) => number): number => batch.reduce((sum, { rows }) => sum + of(rows), 0)
  const [names, parts] = [sum((rows) => rows.names.length), sum((rows) => rows.layers.length)]
  const sent = {
    heads: new Float64Array(batch.length * HEAD),
    dirNames: batch.map(({ rows }) => rows.name).join('/'),
    keys: new Uint8Array(batch.length * KEY_BYTES),
    layers: new Int32Array(parts),
    stamps: new Uint8Array(parts * STAMP_BYTES),
    names: batch.flatMap(({ rows }) => rows.names).join('/'),
    owners: new Int32Array(names),
    entryFlags: new Uint8Array(names),
    stats: new Float64Array(names * STAT_SLOTS),
    joined: [] as [number, Uint8Array][],
    hidden: [] as [number, HiddenName][],
  }
  let [name, part] = [0, 0]
  for (const [number, { id, parent, rows }] of batch.entries()) {
    const { layers, flags, racy, readAt } = rows
    sent.heads.set([id, parent, rows.names.length, layers.length, flags, racy ? 1 : 0, readAt], number * HEAD)
    if (rows.key !== null) sent.keys.set(rows.key, number * KEY_BYTES)
    sent.layers.set(layers, part)
    sent.stamps.set(rows.stamps, part * STAMP_BYTES)
    sent.owners.set(rows.owners, name)
    sent.entryFlags.set(rows.entryFlags, name)
    sent.stats.set(rows.stats, name * STAT_SLOTS)
    for (const [i, joined] of rows.joined.entries()) if (joined !== null) sent.joined.push([name + i, joined])
    for (const hidden of rows.hidden) sent.hidden.push([number, hidden])
    name += rows.names.length
    part += layers.length
  }
  return sent
}

/** The directories of `sent`, in their order. */
export function* unpackRows(sent: RowBatch): Generator<NumberedRows> {
  const dirNames = sent.dirNames.split('/')
  const names = sent.names.split('/')
  const joined = new Map(sent.joined)
  let [name, part, hidden] = [0, 0, 0]
  for (let number = 0; number < dirNames.length; number++) {
    const [id, parent, count, parts, flags, racy, readAt] = sent.heads.subarray(number * HEAD) as unknown as Head
    const firstHidden = hidden
    while (sent.hidden[hidden]?.[0] === number) hidden++
    const to = name + count
    const rows: StoredRows = {
      name: dirNames[number]!,
      key: keyIn(sent.keys.subarray(number * KEY_BYTES, (number + 1) * KEY_BYTES)),
      layers: Array.from(sent.layers.subarray(part, part + parts)),
      stamps: bufferOf(sent.stamps.subarray(part * STAMP_BYTES, (part + parts) * STAMP_BYTES)),
      racy: racy === 1,
      readAt,
      flags,
      names: names.slice(name, to),
      owners: sent.owners.subarray(name, to),
      entryFlags: sent.entryFlags.subarray(name, to),
      joined: Array.from({ length: count }, (_, i) => joinedOf(joined, name + i)),
      stats: sent.stats.subarray(name * STAT_SLOTS, to * STAT_SLOTS),
      hidden: sent.hidden.slice(firstHidden, hidden).map(([, each]) => each),
    }
    yield { id, parent, rows }
    name = to
    part += parts
  }
}

type Head = [number, number, number, number, number, number, number]

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function keyIn(bytes: Uint8Array): Buffer | null {
  return bytes.every((byte) => byte === 0) ? null : bufferOf(bytes)
}

function joinedOf(joined: ReadonlyMap<number, Uint8Array>, name: number): Buffer | null {
  const bytes = joined.size === 0 ? undefined : joined.get(name)
  return bytes === undefined ? null : bufferOf(bytes)
}

/** Rows to be written; null after the last. */
export type ToStoring = RowBatch | null

/** A batch is written, or what has gone wrong, in words and as SQLite's code. */
export type FromStoring = { readonly stored: true } | { readonly error: string; readonly code: string }
