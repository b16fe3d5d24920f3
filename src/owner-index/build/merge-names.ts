/**
 * The first half of reading a merged directory: every part is listed, top first, from its layer's rows or from the
 * disk, and stamped. No file is looked at but possible whiteouts. What a name comes to is stack/explained-names.ts.
 */

import type { LayerDir } from '../../layers/layer-dir.js'
import { AUFS_OPAQUE, AUFS_PREFIX } from '../../layers/whiteouts.js'
import { ExplainedNames, type HiddenName, type MergedName } from '../../stack/explained-names.js'
import type { LowerStack } from '../../stack/lower-stack.js'
import { readOpaqueX } from '../../stack/search-state.js'
import { DT_CHR, DT_REG, DT_UNKNOWN, S_IFMT } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { isWhiteoutDevice, STAT_SLOTS, Stat } from '../../syscalls/stat.js'
import { isRacy, STAMP_BYTES, writeStamp } from '../database/stamps.js'
import type { KnownLayers, KnownListing } from '../layer-rows/known-layers.js'
import type { Listing } from '../layer-rows/listing.js'

export class Merging {
  readonly names: ReadonlyMap<string, MergedName>
  readonly hidden: HiddenName[]
  readonly stamps: Buffer
  racy = false
  /** The parts have to be asked, whatever their stamps say. */
  unusable = false
  /** Of each part what its layer's rows have of it; null where it was read. */
  readonly listings: (Listing | null)[] = []
  readonly #merged: ExplainedNames

  constructor(
    private readonly stack: LowerStack,
    private readonly parts: readonly LayerDir[],
    private readonly now: number,
    private readonly known: KnownLayers | null,
  ) {
    this.stamps = Buffer.alloc(parts.length * STAMP_BYTES)
    this.#merged = new ExplainedNames(parts)
    this.names = this.#merged.names
    this.hidden = this.#merged.hidden
  }

  /** Lists every part; 0 or -errno. */
  run(): number {
    for (let part = 0; part < this.parts.length; part++) {
      const known = this.known?.listing(this.parts[part]!) ?? null
      this.listings.push(known?.listing ?? null)
      const errno = known === null ? this.#list(part) : this.#listKnown(part, known)
      if (errno < 0) return errno
    }
    return 0
  }

  #listKnown(part: number, { stamp, listing }: KnownListing): number {
    const dir = this.parts[part]!
    stamp.copy(this.stamps, part * STAMP_BYTES)
    // Else its rows would not tell what is in it.
    dir.inspected = true
    dir.aufs = 'plain'
    const record = new Float64Array(STAT_SLOTS)
    for (const [i, name] of listing.names.entries()) {
      listing.copyStat(i, record, 0)
      const type = record[Stat.MODE]! >> 12
      this.#merged.meet(part, i, name, type, isWhiteoutDevice(record))
    }
    return 0
  }

  #list(part: number): number {
    const dir = this.parts[part]!
    const fd = this.stack.cache.fd(dir)
    if (fd < 0) return fd
    // The stamp comes first: whatever changes while the names are read will differ from it.
    const errno = native.statat(fd, '')
    if (errno < 0) return errno
    writeStamp(this.stamps, part)
    this.racy ||= isRacy(native.stat, 0, this.now)
    readOpaqueX(this.stack, dir, fd)
    // A file that is a whiteout by its attribute can cease to be one without any sign in its directory.
    this.unusable ||= dir.xattrWhiteouts
    const entries = native.readDirectory(fd, '')
    if (typeof entries === 'number') return entries
    dir.aufs = entries.names.some((name) => name.startsWith(AUFS_PREFIX)) ? 'marked' : 'plain'
    const { names, types } = entries
    for (let i = 0; i < names.length; i++) {
      if (dir.aufs === 'marked' && names[i]!.startsWith(AUFS_PREFIX)) continue
      this.#merged.meet(part, i, names[i]!, types[i]!, this.#isWhiteout(dir, fd, names[i]!, types[i]!))
    }
    if (dir.aufs === 'marked') this.#closeMarked(part, names)
    return 0
  }

  #isWhiteout(dir: LayerDir, fd: number, name: string, type: number): boolean {
    const possible = type === DT_CHR || type === DT_UNKNOWN || (type === DT_REG && dir.xattrWhiteouts)
    return possible && native.statat(fd, name) >= 0 && this.stack.whiteouts.isWhiteout(dir, fd, name)
  }

  /** What `.wh.NAME` in this part hides. */
  #closeMarked(part: number, names: readonly string[]): void {
    for (const marker of names) {
      if (!marker.startsWith(AUFS_PREFIX)) continue
      if (marker === AUFS_OPAQUE) this.unusable ||= part < this.parts.length - 1
      else this.#merged.hideBelow(part, marker.slice(AUFS_PREFIX.length))
    }
  }
}

/** The S_IFMT bits of a stat record at `at`. */
export function typeAt(stats: Float64Array, at: number): number {
  return stats[at + Stat.MODE]! & S_IFMT
}
