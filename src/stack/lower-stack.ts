/**
 * The lower layers of a mount, opened to be read by whoever fills the index: the writer's thread, or a command without
 * any mount. It is a search context like the union's own, so that the same rules decide what is shown.
 */
import { StratafsError } from '../base/failure.js'
import { idmappedAmong } from '../layers/idmapped.js'
import { openLower } from '../layers/layer.js'
import { Layer, type LayerDir } from '../layers/layer-dir.js'
import { MarkStore } from '../layers/marks.js'
import { DirCache } from '../layers/real-dir.js'
import { NO_TRAPS, type Traps } from '../layers/traps.js'
import { Whiteouts } from '../layers/whiteouts.js'
import { descriptorsToKeep, scarceFrom } from '../syscalls/room.js'
import { STAT_SLOTS } from '../syscalls/stat.js'
import { type Found, type SearchContext, searchParts, shownRoots } from './search.js'

/** What decides which rows a stack has. Plain data; paths absolute, latin1, top first. */
export interface LowerStackConfig {
  readonly lowers: readonly string[]
  /** `trusted.overlay.` or `user.overlay.`. */
  readonly prefix: string
  readonly redirectDir: string
  /** There are data-only layers below: also metacopies of the lowest layer have their content elsewhere. */
  readonly leadsBelow?: boolean
  /** The upper and the workdir, where they may lie below a layer. */
  readonly traps?: Traps
  /**
   * Descriptors of the layers' roots, which whoever opens the stack takes over: once a mount stands a path may lead
   * into it.
   */
  readonly rootFds?: readonly number[]
  /** Of each layer whether it lies on an idmapped mount; with `rootFds`, for the same reason. */
  readonly mapped?: readonly boolean[]
}

/** What a search without the index has found. */
export type FoundInParts = Found & { readonly lowers: readonly LayerDir[] }

/** Far fewer than the engine's, and a smaller part: a walk comes by what lies together, and requests come first. */
const KEPT_DIRECTORIES = 256
const KEPT_PART = 16
const SCARCE_PART = 4

export class LowerStack implements SearchContext {
  readonly cache: DirCache
  readonly marks: MarkStore
  readonly whiteouts: Whiteouts
  readonly topStat = new Float64Array(STAT_SLOTS)

  private constructor(
    readonly config: LowerStackConfig,
    readonly lowers: readonly Layer[],
    readsAll: boolean,
  ) {
    this.cache = new DirCache(descriptorsToKeep(KEPT_DIRECTORIES, KEPT_PART), readsAll, scarceFrom(SCARCE_PART))
    this.marks = new MarkStore(config.prefix)
    this.whiteouts = new Whiteouts(this.cache, this.marks)
  }

  /** Opens every layer, or says which one cannot be. `readsAll`: every directory is going to be listed. */
  static open(config: LowerStackConfig, readsAll = false): LowerStack | StratafsError {
    const lowers: Layer[] = []
    const mapped = config.mapped ?? idmappedAmong(config.lowers)
    for (const [index, path] of config.lowers.entries()) {
      const layer = openRoot(path, index, config.rootFds?.[index])
      if (layer instanceof StratafsError) {
        for (const opened of lowers) opened.close()
        return layer
      }
      layer.isMapped = mapped[index]!
      lowers.push(layer)
    }
    return new LowerStack(config, lowers, readsAll)
  }

  get traps(): Traps {
    return this.config.traps ?? NO_TRAPS
  }

  /** The parts of the root. */
  get roots(): LayerDir[] {
    return shownRoots(this, null)
  }

  /** Searches `name` in the directory joined from `parts`. */
  search(parts: readonly LayerDir[], name: string): FoundInParts {
    // Nobody answers for the parts, so the search has looked into each.
    return searchParts(this, { upper: null, lowers: parts, impure: false }, name, 0, null) as FoundInParts
  }

  close(): void {
    this.cache.close()
    for (const layer of this.lowers) layer.close()
  }
}

function openRoot(path: string, index: number, rootFd: number | undefined): Layer | StratafsError {
  if (rootFd === undefined) return openLower(path, index)
  return new Layer(index, path, rootFd, true)
}
