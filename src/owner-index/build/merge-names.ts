/**
 * The first half of reading a merged directory: every part is listed, top first, and each name is sorted into what is
 * shown (with all the parts that hold it) and what is hidden. No file is looked at but possible whiteouts.
 */

import type { LayerDir } from '../../layers/layer-dir.js'
import { AUFS_OPAQUE, AUFS_PREFIX } from '../../layers/whiteouts.js'
import type { LowerStack } from '../../stack/lower-stack.js'
import { readOpaqueX } from '../../stack/search-state.js'
import { DT_CHR, DT_DIR, DT_REG, DT_UNKNOWN, S_IFMT } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { STAT_SLOTS, Stat } from '../../syscalls/stat.js'
import type { HiddenName } from '../database/rows.js'
import { isRacy, STAMP_BYTES, writeStamp } from '../database/stamps.js'
import type { KnownLayers, KnownListing } from '../layer-rows/known-layers.js'
import type { Listing } from '../layer-rows/listing.js'

/** One more part in which a shown name stands. */
export interface HeldBelow {
  readonly part: number
  readonly type: number
}

/** A name that is shown. `part`: position among the directory's parts. */
export interface MergedName {
  readonly part: number
  /** Its number in the listing of that part. */
  readonly at: number
  /** DT_* of the topmost. */
  readonly type: number
  /** Further parts that hold the name, until something ends the search. */
  also: HeldBelow[] | null
  /** What stands below is hidden. */
  closed: boolean
}

export class Merging {
  readonly names = new Map<string, MergedName>()
  readonly hidden: HiddenName[] = []
  readonly stamps: Buffer
  racy = false
  /** The parts have to be asked, whatever their stamps say. */
  unusable = false
  /** Of each part what its layer's rows have of it; null where it was read. */
  readonly listings: (Listing | null)[] = []
  /** Names behind a whiteout, with the layer of it. */
  readonly #whiteouts = new Map<string, number>()

  constructor(
    private readonly stack: LowerStack,
    private readonly parts: readonly LayerDir[],
    private readonly now: number,
    private readonly known: KnownLayers | null,
  ) {
    this.stamps = Buffer.alloc(parts.length * STAMP_BYTES)
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
      const whiteout = type === DT_CHR && record[Stat.RDEV_MAJOR] === 0 && record[Stat.RDEV_MINOR] === 0
      this.#meet(part, i, name, type, whiteout)
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
      this.#meet(part, i, names[i]!, types[i]!, this.#isWhiteout(dir, fd, names[i]!, types[i]!))
    }
    if (dir.aufs === 'marked') this.#closeMarked(part, dir, names)
    return 0
  }

  #meet(part: number, at: number, name: string, type: number, whiteout: boolean): void {
    const layer = this.parts[part]!.layer.position
    const hider = this.#whiteouts.get(name)
    if (whiteout) this.hidden.push({ name, layer, type: 0, hider: null, why: 'whiteout' })
    if (hider !== undefined) {
      if (!whiteout) this.hidden.push({ name, layer, type, hider, why: 'behind a whiteout' })
      return
    }
    const known = this.names.get(name)
    if (known === undefined) {
      if (whiteout) this.#whiteouts.set(name, layer)
      else this.names.set(name, { part, at, type, also: null, closed: false })
    } else this.#further(known, part, name, type, whiteout)
  }

  /** A name met again below a part that shows it. */
  #further(known: MergedName, part: number, name: string, type: number, whiteout: boolean): void {
    const layer = this.parts[part]!.layer.position
    const hider = this.parts[known.part]!.layer.position
    if (whiteout) known.closed = true
    else if (known.type !== DT_DIR && known.type !== DT_UNKNOWN)
      this.hidden.push({ name, layer, type, hider, why: 'behind a file' })
    else if (known.closed) this.hidden.push({ name, layer, type, hider, why: 'behind a whiteout' })
    else {
      known.also ??= []
      known.also.push({ part, type })
    }
  }

  #isWhiteout(dir: LayerDir, fd: number, name: string, type: number): boolean {
    const possible = type === DT_CHR || type === DT_UNKNOWN || (type === DT_REG && dir.xattrWhiteouts)
    return possible && native.statat(fd, name) >= 0 && this.stack.whiteouts.isWhiteout(dir, fd, name)
  }

  /** What `.wh.NAME` in this part hides in the parts below, and only there. */
  #closeMarked(part: number, dir: LayerDir, names: readonly string[]): void {
    const layer = dir.layer.position
    for (const marker of names) {
      if (!marker.startsWith(AUFS_PREFIX)) continue
      if (marker === AUFS_OPAQUE) {
        this.unusable ||= part < this.parts.length - 1
        continue
      }
      const name = marker.slice(AUFS_PREFIX.length)
      this.hidden.push({ name, layer, type: 0, hider: null, why: 'whiteout' })
      const known = this.names.get(name)
      if (known !== undefined) known.closed = true
      else if (!this.#whiteouts.has(name)) this.#whiteouts.set(name, layer)
    }
  }
}

/** The S_IFMT bits of a stat record at `at`. */
export function typeAt(stats: Float64Array, at: number): number {
  return stats[at + Stat.MODE]! & S_IFMT
}
