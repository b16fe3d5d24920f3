/**
 * What one directory of the merged lower layers holds, as rows on their way into the database. Numbers of a file stay
 * in the stat records in which they were read, one array for the whole directory.
 */
import type { LayerDir } from '../../layers/layer-dir.js'
import type { HiddenName } from '../../stack/explained-names.js'
import type { Place } from './place.js'

/** A directory that stands in the one that was read. */
export interface ChildDirectory {
  readonly name: string
  readonly parts: readonly LayerDir[]
  /** What rows say of it that were made before; null: it was looked at now, or never changes. */
  readonly seen: SeenBefore | null
}

/** Of a directory's topmost part. */
export interface SeenBefore {
  readonly ino: number
  readonly ctime: number
  readonly ctimeNs: number
}

/** What the database keeps of a directory. */
export interface StoredRows {
  /** In its parent; the root's is empty. */
  readonly name: string
  /** Of its path; null where that is too long (place.ts). */
  readonly key: Buffer | null
  /** The layers joined, top first, and their stamps one after the other. */
  readonly layers: readonly number[]
  readonly stamps: Buffer
  readonly racy: boolean
  /** ms since the epoch, from before the first look. */
  readonly readAt: number
  /** DirFlag bits. */
  readonly flags: number
  /**
   * Names in byte order, and for each: its owning layer, EntryFlag bits, the layers it joins (null: the owner alone).
   */
  readonly names: readonly string[]
  readonly owners: Int32Array
  readonly entryFlags: Uint8Array
  readonly joined: readonly (Buffer | null)[]
  /** STAT_SLOTS numbers per name. */
  readonly stats: Float64Array
  readonly hidden: readonly HiddenName[]
}

/** The same, and where it and the directories in it lie. */
export interface DirectoryRows extends StoredRows {
  readonly place: Place
  readonly directories: readonly ChildDirectory[]
}

/** One entry's share of its directory's checksum. Shares are added up, modulo 2^32, in any order. */
export function checkShare(
  name: string,
  layer: number,
  flags: number,
  mode: number,
  joined: Uint8Array | null,
): number {
  let hash = 0x811c9dc5 ^ (layer << 8) ^ flags ^ (mode << 16)
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  if (joined !== null) for (let i = 0; i < joined.length; i++) hash = Math.imul(hash ^ joined[i]!, 0x01000193)
  return hash >>> 0
}
