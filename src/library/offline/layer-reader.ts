/**
 * Layers read without a mount: an engine in this process that only looks, with the upper as the topmost of its layers.
 * It answers which layer owns a path, and walks the merged tree with the owner of each entry, for plain layers and for
 * those of a mount. Positions are told as mounts tell them: -1 is the upper.
 */

import { StratafsError } from '../../base/failure.js'
import { emptyDraft } from '../../daemon/options/draft.js'
import { unbound } from '../../operations/contract.js'
import { createEngine, type Engine } from '../../operations/engine.js'
import type { UnionConfig } from '../../union/context/config.js'
import type { HiddenPath, OwnedEntry, Ownership } from '../../union/which-layer.js'

/** Layers as a person names them. Paths absolute, latin1, top first. */
export interface PlainLayers {
  readonly lowers: readonly string[]
  readonly dataLowers?: readonly string[]
  readonly upper: string | null
  readonly work: string | null
  readonly userxattr: boolean | null
  readonly redirectDir: UnionConfig['redirectDir']
}

const PAGE = 1000

export class LayerReader {
  readonly #engine: Engine
  /** What is taken off a position. */
  readonly #shift: number

  /** Opens the layers; or says which cannot be. */
  static open(layers: PlainLayers): LayerReader | StratafsError {
    const { lowers, dataLowers = [], upper, work, userxattr, redirectDir } = layers
    const all = upper === null ? lowers : [upper, ...lowers]
    const config = {
      ...emptyDraft().config,
      lowers: all,
      dataLowers,
      avoid: [upper, work].filter((path) => path !== null),
      readonly: true,
      userxattr,
      redirectDir,
      userRedirects: redirectDir === 'nofollow' ? ('off' as const) : ('on' as const),
      index: 'off' as const,
    }
    const engine = createEngine(config, unbound, () => {})
    return engine instanceof StratafsError ? engine : new LayerReader(engine, upper === null ? 0 : 1)
  }

  private constructor(engine: Engine, shift: number) {
    this.#engine = engine
    this.#shift = shift
  }

  /** The owner of `path` (relative to the merged root, latin1); or -errno. */
  which(path: string): Ownership | HiddenPath | number {
    const owner = this.#engine.which(path)
    if (typeof owner === 'number' || this.#shift === 0) return owner
    const also = owner.also.map((other) => ({ ...other, index: other.index - 1, why: asMounted(other.why) }))
    if (owner.layer === null) return { ...owner, also }
    return { ...owner, also, index: owner.index - 1, layer: owner.index === 0 ? 'upper' : 'lower' }
  }

  /** The entries of the directory at `path`; or -errno. */
  list(path: string): OwnedEntry[] | number {
    const entries: OwnedEntry[] = []
    for (let after: number | null = 0; after !== null; ) {
      const page = this.#engine.owners(path, after, PAGE)
      if (typeof page === 'number') return page
      for (const entry of page.entries) entries.push(this.#shifted(entry))
      after = page.next
    }
    return entries
  }

  #shifted(entry: OwnedEntry): OwnedEntry {
    if (this.#shift === 0) return entry
    return { ...entry, layer: entry.layer - 1, layers: entry.layers.map((layer) => layer - 1) }
  }

  /** Calls `visit` for every entry below the directory at `path`; -errno where that cannot be read. */
  walk(path: string, visit: (entry: OwnedEntry) => void): number {
    return this.#engine.walkOwners(path, (entry) => visit(this.#shifted(entry)))
  }

  close(): void {
    this.#engine.close()
  }
}

/** `lower N` of an engine whose topmost layer is the upper, as a mount would say it. */
function asMounted(why: string): string {
  return why.replace(/\blower (\d+)$/, (_, at) => (at === '0' ? 'the upper' : `lower ${Number(at) - 1}`))
}
