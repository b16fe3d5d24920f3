/**
 * Reads one merged directory of the lower layers into rows: the names of all its parts joined by the union's rules,
 * each with its owner and what the owner's stat says, directories with the parts they join. Which parts those are is
 * asked of the very search that the engine uses. Some names need more than names, kinds and stamps to be found again:
 * redirects, metacopies, whiteouts written as attributes. Their rows say that the layers have to be asked.
 */

import type { LayerDir } from '../../layers/layer-dir.js'
import { isTrap } from '../../layers/traps.js'
import type { HeldBelow, HiddenName, MergedName } from '../../stack/explained-names.js'
import { packLayers } from '../../stack/layer-list.js'
import type { FoundInParts, LowerStack } from '../../stack/lower-stack.js'
import { joinedPart } from '../../stack/parts.js'
import { DT_DIR, DT_UNKNOWN, S_IFDIR, S_IFREG } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { STAT_SLOTS, Stat } from '../../syscalls/stat.js'
import { EntryFlag } from '../database/entry-flags.js'
import type { Place } from '../database/place.js'
import type { ChildDirectory, DirectoryRows, SeenBefore } from '../database/rows.js'
import { DirFlag } from '../database/schema.js'
import { inodeOf, isRacy } from '../database/stamps.js'
import { isWhole } from '../database/stat-rows.js'
import type { KnownLayers } from '../layer-rows/known-layers.js'
import { Merging, typeAt } from './merge-names.js'

/**
 * The rows of the directory at `place`; or -errno. `known`: what rows of the single layers tell is not read; null: all
 * is read.
 */
export function readDirectoryRows(
  stack: LowerStack,
  place: Place,
  known: KnownLayers | null = null,
): DirectoryRows | number {
  stack.cache.beginOperation()
  return new DirectoryReading(stack, place, known).run()
}

class DirectoryReading {
  private readonly parts: readonly LayerDir[]
  readonly #now = Date.now()
  readonly #merging: Merging
  readonly #directories: ChildDirectory[] = []
  readonly #hidden: HiddenName[]
  #names: string[] = []
  #owners = new Int32Array(0)
  #flags = new Uint8Array(0)
  #joined: (Buffer | null)[] = []
  #stats = new Float64Array(0)
  #racy = false

  constructor(
    private readonly stack: LowerStack,
    private readonly place: Place,
    private readonly known: KnownLayers | null,
  ) {
    this.parts = place.parts
    this.#merging = new Merging(stack, place.parts, this.#now, known)
    this.#hidden = this.#merging.hidden
  }

  run(): DirectoryRows | number {
    const errno = this.#merging.run()
    if (errno < 0) return errno
    this.#racy = this.#merging.racy
    this.#names = [...this.#merging.names.keys()].sort()
    const count = this.#names.length
    this.#owners = new Int32Array(count)
    this.#flags = new Uint8Array(count)
    this.#joined = new Array<Buffer | null>(count).fill(null)
    this.#stats = new Float64Array(count * STAT_SLOTS)
    this.#statAll()
    for (let i = 0; i < count; i++) this.#describe(i)
    return this.#rows()
  }

  #rows(): DirectoryRows {
    const { place } = this
    const flags = (place.isRedirected ? DirFlag.REDIRECTED : 0) | (this.#merging.unusable ? DirFlag.UNUSABLE : 0)
    return {
      place,
      name: place.name,
      key: place.key,
      layers: place.parts.map((part) => part.layer.position),
      stamps: this.#merging.stamps,
      racy: this.#racy,
      readAt: this.#now,
      flags,
      names: this.#names,
      owners: this.#owners,
      entryFlags: this.#flags,
      joined: this.#joined,
      stats: this.#stats,
      hidden: this.#hidden,
      directories: this.#directories,
    }
  }

  /** Stats every shown name in its owner, part by part. */
  #statAll(): void {
    const byPart: { names: string[]; at: number[] }[] = this.parts.map(() => ({ names: [], at: [] }))
    for (let i = 0; i < this.#names.length; i++) {
      const { part } = this.#merging.names.get(this.#names[i]!)!
      this.#owners[i] = this.parts[part]!.layer.position
      byPart[part]!.names.push(this.#names[i]!)
      byPart[part]!.at.push(i)
    }
    for (const [part, { names, at }] of byPart.entries()) {
      if (names.length === 0 || this.#statKnown(part, names, at)) continue
      const fd = this.stack.cache.fd(this.parts[part]!)
      if (names.length === this.#names.length) native.statMany(fd, names, this.#stats)
      else this.#statSome(fd, names, at)
    }
  }

  #statKnown(part: number, names: readonly string[], at: readonly number[]): boolean {
    const listing = this.#merging.listings[part]
    if (listing === null || listing === undefined) return false
    for (const [k, name] of names.entries()) {
      listing.copyStat(this.#merging.names.get(name)!.at, this.#stats, at[k]! * STAT_SLOTS)
    }
    return true
  }

  #statSome(fd: number, names: string[], at: number[]): void {
    const records = new Float64Array(names.length * STAT_SLOTS)
    native.statMany(fd, names, records)
    for (let k = 0; k < at.length; k++) {
      this.#stats.set(records.subarray(k * STAT_SLOTS, (k + 1) * STAT_SLOTS), at[k]! * STAT_SLOTS)
    }
  }

  #describe(i: number): void {
    const at = i * STAT_SLOTS
    const name = this.#names[i]!
    const merged = this.#merging.names.get(name)!
    const type = typeAt(this.#stats, at)
    // Rows of a layer are no longer young, however young the layer is.
    this.#racy ||= this.#merging.listings[merged.part] === null && isRacy(this.#stats, at, this.#now)
    if (this.#stats[at + Stat.ERRNO] !== 0) this.#flags[i] = EntryFlag.ASK
    else if (type === S_IFDIR) this.#directory(i, name, merged)
    else {
      if (type === S_IFREG) this.#file(i, name, merged)
      if (merged.also !== null) this.#behind(name, merged, merged.also, 'behind a file')
    }
    if (!isWhole(this.#stats, at, this.parts[merged.part]!.layer)) this.#flags[i]! |= EntryFlag.PARTIAL
  }

  /** A regular file's marks matter where something lies below that they could lead to. */
  #file(i: number, name: string, { part, at }: MergedName): void {
    const dir = this.parts[part]!
    if (dir.layer.position + 1 >= this.stack.lowers.length && !this.stack.config.leadsBelow) return
    if (this.#merging.listings[part]?.isMarked(at) === false) return
    const names = native.listxattr(this.stack.cache.fd(dir), name)
    if (typeof names === 'number' || names.length === 0) return
    if (!names.some((full) => full.startsWith(this.stack.marks.prefix))) return
    const marks = this.stack.marks.read(this.stack.cache.fd(dir), name)
    if (typeof marks === 'number') this.#flags[i] = EntryFlag.ASK
    else this.#flags[i]! |= marks.metacopy || marks.redirect !== null ? EntryFlag.ASK : EntryFlag.MARKED
  }

  #directory(i: number, name: string, merged: MergedName): void {
    const dir = this.parts[merged.part]!
    if (isTrap(this.stack.traps, this.#stats, i * STAT_SLOTS)) {
      this.#flags[i] = EntryFlag.ASK
      return
    }
    // In the lowest layer of all there is nothing that a search could find out.
    if (dir.layer.position + 1 === this.stack.lowers.length) {
      this.#joins(i, name, [joinedPart(dir, name, this.stack.lowers.length)])
      return
    }
    const held = merged.also === null ? [merged.part] : [merged.part, ...merged.also.map((held) => held.part)]
    const plain = this.#plain(name, held, merged.also)
    if (plain !== null) {
      this.#joins(i, name, plain)
      return
    }
    let found = this.stack.search(
      held.map((part) => this.parts[part]!),
      name,
    )
    if (found.redirected) found = this.stack.search(this.parts, name)
    if (found.error !== 0 || found.type !== S_IFDIR) {
      this.#flags[i] = EntryFlag.ASK
      return
    }
    this.#flags[i] = directoryFlags(found)
    const layers = this.#joins(i, name, found.lowers)
    if (merged.also !== null) this.#notJoined(name, merged, merged.also, layers)
  }

  /** Notes the parts of directory number `i`; their layers. */
  #joins(i: number, name: string, parts: readonly LayerDir[]): readonly number[] {
    const layers = parts.map((part) => part.layer.position)
    if (layers.length > 1) this.#joined[i] = packLayers(layers)
    this.#directories.push({ name, parts, seen: this.#seen(i) })
    return layers
  }

  /** Where rows of a layer helped: what they say of directory number `i`. */
  #seen(i: number): SeenBefore | null {
    if (this.known === null || this.known.trusting || this.#merging.listings.every((each) => each === null)) return null
    const at = i * STAT_SLOTS
    const { [at + Stat.CTIME]: ctime, [at + Stat.CTIME_NS]: ctimeNs } = this.#stats
    return { ino: inodeOf(this.#stats, at), ctime: ctime!, ctimeNs: ctimeNs! }
  }

  /** What a search would find where nothing but directories without marks is held; null where it has to be asked. */
  #plain(name: string, held: readonly number[], also: readonly HeldBelow[] | null): readonly LayerDir[] | null {
    if (this.known === null) return null
    if (also?.some(({ type }) => type !== DT_DIR)) return null
    const parts = held.map((part) => joinedPart(this.parts[part]!, name, this.stack.lowers.length))
    return parts.every((part) => this.known!.isPlain(part)) ? parts : null
  }

  /** What a merged directory leaves out: below an opaque part, or below a file. */
  #notJoined(name: string, merged: MergedName, also: readonly HeldBelow[], layers: readonly number[]): void {
    const left = also.filter(({ part }) => !layers.includes(this.parts[part]!.layer.position))
    for (const held of left) {
      const isDirectory = held.type === DT_DIR || held.type === DT_UNKNOWN
      this.#behind(name, merged, [held], isDirectory ? 'behind an opaque directory' : 'not a directory')
    }
  }

  #behind(name: string, merged: MergedName, below: readonly HeldBelow[], why: HiddenName['why']): void {
    const hider = this.parts[merged.part]!.layer.position
    for (const { part, type } of below)
      this.#hidden.push({ name, layer: this.parts[part]!.layer.position, type, hider, why })
  }
}

/** What a search tells about a directory beyond its parts. */
function directoryFlags(found: FoundInParts): number {
  const ask = found.redirected || found.marks.redirect !== null || found.lowers.some((part) => part.xattrWhiteouts)
  const { origin, impure, nlink, inode, opaque } = found.marks
  const marked = origin !== null || impure || nlink !== null || inode !== null || opaque
  return (ask ? EntryFlag.ASK : 0) | (marked ? EntryFlag.MARKED : 0) | (opaque ? EntryFlag.OPAQUE : 0)
}
