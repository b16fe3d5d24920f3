/**
 * What the lower parts of one directory show together, in memory: for each name its owner, or the parts that join, and
 * the stamp by which the row is held against the disk. An absent name is answered without a look at any layer, a file
 * with one stat in its owner, a directory with one stat per part that joins. Whatever does not match the disk is not
 * answered: the layers are asked then, and the writer is told to read again. With `index=immutable` the row is the
 * answer, and no layer is looked at unless the row says that it does not tell all.
 */

import type { LayerDir } from '../../layers/layer-dir.js'
import { joinedPart, type LayerDirs, LayerSet, LazyLayerDirs, partIn, partsIn } from '../../stack/parts.js'
import {
  type Found,
  type LowerAnswers,
  MANY_PARTS,
  type SearchContext,
  type SearchedDirectory,
} from '../../stack/search.js'
import { S_IFDIR, S_IFMT } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'
import { EntryFlag } from '../database/entry-flags.js'
import { inodeOf, isStamped } from '../database/stamps.js'
import { NO_ROWS } from './queried-rows.js'
import { COMPARED, type RowSource, type ViewKeeper, type ViewRow } from './view-contract.js'

/** An entry with one of these is looked at: its marks count, or its row does not tell all. */
const LOOK = EntryFlag.MARKED | EntryFlag.PARTIAL
const NONE = new LayerSet([])

/** Every 8th file lookup also starts read-ahead in the other layers. */
const THOUGHT_OF = 8

export class DirectoryView implements LowerAnswers {
  /** The layers that own something are being read ahead, and how often a file was answered. */
  #isAhead = false
  #files = 0

  constructor(
    private readonly keeper: ViewKeeper,
    readonly path: string,
    private rows: RowSource,
    /** The layers that the directory joins. */
    private readonly set: LayerSet,
  ) {}

  /** Whether it is of a directory that joins these layers. */
  joins(set: LayerSet): boolean {
    return this.set.equals(set)
  }

  /** Taken out of memory: to be asked for again. */
  get dropped(): boolean {
    return this.rows === NO_ROWS
  }

  /** Lets go of the rows; whoever still has the view is told to ask the layers. */
  drop(): void {
    const { rows } = this
    this.rows = NO_ROWS
    rows.release()
  }

  get size(): number {
    return this.rows.size
  }

  /** The layers that own any of the names; null where that is not known. */
  get owners(): LayerSet | null {
    return this.rows.owners
  }

  /** The layers that are going to be looked into for what the directory `name` holds; null where any may. */
  ownersIn(name: string): LayerSet | null {
    const row = this.rows.row(name)
    if (row === null) return NONE
    if ((row.flags & EntryFlag.ASK) !== 0) return null
    return row.joined === null ? new LayerSet([row.layer]) : this.keeper.ownersIn(this.#pathOf(name), row.joined)
  }

  /** Those layers are being read ahead. */
  readsAhead(): void {
    this.#isAhead = true
  }

  /** For a directory that nobody knew a moment ago: what was read ahead may have been forgotten since. */
  takeUp(): void {
    this.#isAhead = false
  }

  /** Whether the lower parts show `name`; null where they have to be asked. */
  shows(name: string): boolean | null {
    const row = this.rows.row(name)
    if (row === null) return false
    return (row.flags & EntryFlag.ASK) !== 0 ? null : true
  }

  /** Calls `show` for every name; false when the rows cannot be listed. */
  list(show: (name: string, type: number) => void): boolean {
    return this.rows.list(show)
  }

  answer(c: SearchContext, dir: SearchedDirectory, found: Found, name: string): boolean {
    const row = this.rows.row(name)
    if (row === null) return true
    if ((row.flags & EntryFlag.ASK) !== 0) return false
    const isDirectory = (row.mode & S_IFMT) === S_IFDIR
    if (found.type === S_IFDIR && !isDirectory) return true
    const known = isDirectory ? this.#directory(c, dir, found, name, row) : this.#file(c, dir, found, name, row)
    return known
  }

  #file(c: SearchContext, dir: SearchedDirectory, found: Found, name: string, row: ViewRow): boolean {
    if (!this.#isAhead && !this.keeper.immutable && this.#files++ % THOUGHT_OF === 0) this.#thinkOfOthers(c, dir)
    const part = partIn(dir.lowers, row.layer)
    if (!this.#isRecorded(c, part, row)) {
      if (!this.#isSeen(c, part, name, row)) return this.#stale(part, name)
      c.topStat.set(native.stat)
      if (!readMarks(c, found, part, name, row)) return false
    }
    found.type = row.mode & S_IFMT
    found.inodeDir = part
    found.inodeName = name
    return true
  }

  /** Files of other layers will be asked for, too, as a rule: those may have to be read from a disk. */
  #thinkOfOthers(c: SearchContext, dir: SearchedDirectory): void {
    const { owners } = this
    const parts = owners === null ? dir.lowers : partsIn(dir.lowers, owners)
    if (parts.length > 1) this.#isAhead = c.searching?.(parts, 0, null) ?? false
  }

  /** Fills `native.stat` with that of `name` in `part`; whether that is what the row says. */
  #isSeen(c: SearchContext, part: LayerDir, name: string, row: ViewRow): boolean {
    const fd = c.cache.fd(part)
    return fd >= 0 && native.statat(fd, name) >= 0 && this.#matches(row)
  }

  /** Puts what the row tells of `part`'s file into `c.topStat`; false where the file itself has to be looked at. */
  #isRecorded(c: SearchContext, part: LayerDir, row: ViewRow): boolean {
    const { layer } = part
    if (!this.keeper.immutable || (row.flags & LOOK) !== 0 || layer.isMapped) return false
    const { topStat } = c
    if (!this.rows.record(row, topStat)) return false
    topStat[Stat.DEV_MAJOR] = layer.deviceMajor
    topStat[Stat.DEV_MINOR] = layer.deviceMinor
    topStat[Stat.MOUNT_ID] = 0
    topStat[Stat.ATTRIBUTES] = 0
    topStat[Stat.ERRNO] = 0
    this.keeper.unseen()
    return true
  }

  /** Whether `native.stat` shows what the row was made from. */
  #matches(row: ViewRow): boolean {
    const { stat } = native
    if (((stat[Stat.MODE]! ^ row.mode) & S_IFMT) !== 0) return false
    if (this.keeper.immutable) return true
    return inodeOf(stat) === row.ino && stat[Stat.CTIME] === row.ctime && stat[Stat.CTIME_NS] === row.ctimeNs
  }

  #stale(part: LayerDir, name: string): false {
    this.keeper.mismatch(this.path, name, part.layer.position)
    return false
  }

  #directory(c: SearchContext, dir: SearchedDirectory, found: Found, name: string, row: ViewRow): boolean {
    const { joined } = row
    if (!this.#isKnown(c, dir.lowers, found, name, row)) return false
    found.type = S_IFDIR
    const depth = c.lowers.length
    if (joined !== null) found.lowers = new LazyLayerDirs(dir.lowers, joined, name, depth)
    else found.lowers = [joinedPart(partIn(dir.lowers, row.layer), name, depth)]
    return true
  }

  /** Whether the parts of a child directory are what the row says; reads what the topmost of all tells of it. */
  #isKnown(c: SearchContext, above: LayerDirs, found: Found, name: string, row: ViewRow): boolean {
    const top = partIn(above, row.joined?.layers[0] ?? row.layer)
    const isTop = found.type === 0
    if (this.keeper.immutable && (!isTop || this.#isRecorded(c, top, row))) return true
    const { joined } = row
    const isDue = joined !== null && !this.keeper.immutable
    const stamps = isDue ? this.keeper.stampsFor(this.#pathOf(name), joined) : COMPARED
    if (stamps === null) return false
    if (stamps === COMPARED) {
      if (!this.#isSeen(c, top, name, row)) return this.#isOther(top, name, row)
    } else if (!this.#unchanged(c, above, joined!, name, stamps)) return false
    if (!isTop) return true
    c.topStat.set(native.stat)
    return readMarks(c, found, top, name, row)
  }

  /**
   * The child directory's topmost part is not what its row says: then none of what is known of the child is believed.
   */
  #isOther(top: LayerDir, name: string, row: ViewRow): false {
    if (row.joined === null) return this.#stale(top, name)
    this.keeper.mismatch(this.#pathOf(name), '', top.layer.position)
    return false
  }

  /** Holds every part of the child directory against its stamp: a change of its own marks shows there. */
  #unchanged(c: SearchContext, above: LayerDirs, set: LayerSet, name: string, stamps: Buffer): boolean {
    const path = this.#pathOf(name)
    const { layers } = set
    // All of them may have to be read from a disk.
    if (layers.length >= MANY_PARTS) c.searching?.(partsIn(above, set), 0, name)
    this.keeper.comparing()
    // The topmost last: its stat record is the directory's.
    for (let i = layers.length - 1; i >= 0; i--) {
      const fd = c.cache.fd(partIn(above, layers[i]!))
      if (fd < 0 || native.statat(fd, name) < 0 || !isStamped(stamps, i)) {
        this.keeper.mismatch(path, '', layers[i]!)
        return false
      }
    }
    this.keeper.compared(path, set)
    return true
  }

  #pathOf(name: string): string {
    return this.path === '' ? name : `${this.path}/${name}`
  }
}

/** Reads the marks of what is on top, where there are any; false when they cannot be read, and `found` is as it was. */
function readMarks(c: SearchContext, found: Found, part: LayerDir, name: string, row: ViewRow): boolean {
  if ((row.flags & EntryFlag.MARKED) === 0) return true
  const fd = c.cache.fd(part)
  const marks = fd < 0 ? fd : c.marks.read(fd, name)
  if (typeof marks === 'number') return false
  found.marks = marks
  return true
}
