/**
 * The layers of a mount as they lie on disk, for whoever reads them without the mount: the upper, the lowers, and the
 * rules by which they become one (stack/search.ts). Nothing in them is written: the upper too is opened through a
 * read-only clone of its mount where the kernel allows that.
 */
import { errnoWords } from '../base/errno-words.js'
import { StratafsError } from '../base/failure.js'
import { shown } from '../base/text.js'
import { type IdMapping, parseOverride, shownId } from '../layers/id-mapping.js'
import { openLower } from '../layers/layer.js'
import { type Layer, LayerDir } from '../layers/layer-dir.js'
import { latin1, MarkStore } from '../layers/marks.js'
import { findOverride, overriddenMode, tamed, trusts, type XattrPermissions } from '../layers/override-trust.js'
import { DirCache } from '../layers/real-dir.js'
import { Whiteouts } from '../layers/whiteouts.js'
import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_PATH, S_IFDIR } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { STAT_SLOTS, Stat } from '../syscalls/stat.js'
import type { LayerDirs } from './parts.js'
import { type Found, type SearchContext, type SearchedDirectory, searchParts, shownRoots } from './search.js'

/** Which layers, and how they are to be read. Paths are absolute and latin1. */
export interface LayerStackConfig {
  readonly upper: string | null
  /** Where hard links of lower layers that were written to are kept together; null: nowhere. */
  readonly work: string | null
  /** Top first. */
  readonly lowers: readonly string[]
  /** So many of `lowers`, the topmost, hold changes as the upper does: snapshots. Absent: none. */
  readonly snapshots?: number
  readonly dataLowers?: readonly string[]
  readonly prefix: string
  readonly redirectDir: string
  readonly uids: IdMapping
  readonly gids: IdMapping
  /** Whose owner overrides are believed; absent: where no mount says it, everybody's (layers/override-trust). */
  readonly xattrPermissions?: XattrPermissions
}

export const SAME_IDS: IdMapping = { ranges: [], squash: null }

const CAPACITY = 1024

export class LayerStack implements SearchContext {
  readonly cache = new DirCache(CAPACITY)
  readonly marks: MarkStore
  readonly whiteouts: Whiteouts
  readonly topStat = new Float64Array(STAT_SLOTS)
  /** `index/` of the workdir, or null. */
  links: LayerDir | null = null

  private constructor(
    readonly config: LayerStackConfig,
    readonly upper: Layer | null,
    readonly lowers: readonly Layer[],
    readonly dataLayers: readonly Layer[],
  ) {
    this.marks = new MarkStore(config.prefix)
    this.whiteouts = new Whiteouts(this.cache, this.marks)
  }

  /** Opens the layers. Throws StratafsError. */
  static open(config: LayerStackConfig): LayerStack {
    const opened: Layer[] = []
    try {
      const upper = config.upper === null ? null : opening(config.upper, -1, opened)
      const lowers = config.lowers.map((path, index) => opening(path, index, opened))
      const data = (config.dataLowers ?? []).map((path, index) => opening(path, lowers.length + index, opened))
      for (const layer of opened) layer.override = findOverride(layer.rootFd, config.xattrPermissions ?? 2)
      const stack = new LayerStack(config, upper, lowers, data)
      stack.#openLinks()
      return stack
    } catch (error) {
      for (const layer of opened) layer.close()
      throw error
    }
  }

  #openLinks(): void {
    const { config, upper } = this
    if (config.work === null || upper === null) return
    const work = native.openat(AT_FDCWD, config.work, O_PATH | O_DIRECTORY, 0)
    if (work < 0) return
    const fd = native.openat(work, 'index', O_PATH | O_DIRECTORY | O_NOFOLLOW, 0)
    native.close(work)
    if (fd < 0) return
    this.links = new LayerDir(upper, upper.root, 'index')
    this.links.fd = fd
    this.links.pinned = true
  }

  /** The merged root. */
  root(): SearchedDirectory {
    const upper = this.upper?.root ?? null
    return { upper, lowers: shownRoots(this, upper), impure: true }
  }

  /** The root as it is without the upper, and without snapshots. */
  lowerRoot(): SearchedDirectory {
    return { upper: null, lowers: this.unchanged(shownRoots(this, null)), impure: true }
  }

  /** Whether what is in `layer` counts as changes: the upper, and the snapshots below it. */
  holdsChanges(layer: Layer): boolean {
    return layer.position < (this.config.snapshots ?? 0)
  }

  /** Those of `parts` that are in neither. */
  unchanged(parts: LayerDirs): LayerDir[] {
    return [...parts].filter((part) => !this.holdsChanges(part.layer))
  }

  /** What `name` is in `dir`; its stat record, as the merged tree shows it, is in `topStat`. Throws StratafsError. */
  search(dir: SearchedDirectory, name: string, first = 0): Found {
    this.cache.beginOperation()
    const found = searchParts(this, dir, name, first, null)
    if (found.error !== 0) {
      const part = dir.upper ?? dir.lowers.at(0)!
      throw new StratafsError(`${shown(pathOf(part, name))} cannot be read: ${errnoWords(found.error)}`)
    }
    if (found.type === S_IFDIR) this.showOwner(found.upper ?? found.lowers.at(0)!, '')
    else if (found.type !== 0) this.showOwner(found.inodeDir!, found.inodeName)
    return found
  }

  /** The stat record of a layer's root in `topStat`. */
  statRoot(root: LayerDir): void {
    native.statat(root.layer.rootFd, '')
    this.topStat.set(native.stat)
    this.showOwner(root, '')
  }

  /** Makes of the record in `topStat`, of `name` in `part`, what the merged tree shows: owners and permissions. */
  showOwner(part: LayerDir, name: string): void {
    const { topStat, config } = this
    const { override } = part.layer
    if (override !== null) this.#applyOverride(part, name, override)
    topStat[Stat.UID] = shownId(config.uids, topStat[Stat.UID]!)
    topStat[Stat.GID] = shownId(config.gids, topStat[Stat.GID]!)
  }

  #applyOverride(part: LayerDir, name: string, attribute: string): void {
    const { topStat } = this
    const value = native.getxattr(this.fd(part), name, attribute)
    const said = typeof value === 'number' || !trusts(attribute, topStat) ? null : parseOverride(latin1(value))
    if (said === null) return
    const own = tamed(said, false)
    topStat[Stat.UID] = own.uid
    topStat[Stat.GID] = own.gid
    topStat[Stat.MODE] = overriddenMode(topStat[Stat.MODE]!, own)
  }

  /** A descriptor of `dir`, valid until the next search. Throws StratafsError. */
  fd(dir: LayerDir): number {
    const fd = this.cache.fd(dir)
    if (fd < 0) throw new StratafsError(`${shown(pathOf(dir, ''))} cannot be opened: ${errnoWords(fd)}`)
    return fd
  }

  close(): void {
    this.cache.close()
    if (this.links !== null) native.close(this.links.fd)
    this.upper?.close()
    for (const layer of [...this.lowers, ...this.dataLayers]) layer.close()
  }
}

function opening(path: string, index: number, opened: Layer[]): Layer {
  const layer = openLower(path, index)
  if (layer instanceof StratafsError) throw new StratafsError(shown(layer.message))
  opened.push(layer)
  return layer
}

/** Where `name` in `dir` lies on disk. */
export function pathOf(dir: LayerDir, name: string): string {
  return [dir.layer.path, dir.path(), name].filter((part) => part !== '').join('/')
}
