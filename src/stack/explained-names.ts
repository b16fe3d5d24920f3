/**
 * How the parts of a directory become one list of names where the reasons are kept: each name that is shown with all
 * the parts that hold it, each one that is hidden with what hides it. Who needs only the names asks merged-names.ts.
 */
import type { LayerDir } from '../layers/layer-dir.js'
import { DT_DIR, DT_UNKNOWN } from '../syscalls/constants.js'

/** A name that one layer has and that is not shown, and what hides it. */
export interface HiddenName {
  readonly name: string
  readonly layer: number
  /** DT_*; 0 for a whiteout. */
  readonly type: number
  /** The layer that hides it; null for a whiteout itself. */
  readonly hider: number | null
  readonly why: 'whiteout' | 'behind a whiteout' | 'behind a file' | 'behind an opaque directory' | 'not a directory'
}

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

export class ExplainedNames {
  readonly names = new Map<string, MergedName>()
  readonly hidden: HiddenName[] = []
  /** Names behind a whiteout, with the layer of it. */
  readonly #whiteouts = new Map<string, number>()

  constructor(private readonly parts: readonly LayerDir[]) {}

  /** The part at `part` has `name` as entry number `at`. Parts are told top first. */
  meet(part: number, at: number, name: string, type: number, whiteout: boolean): void {
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

  /** `.wh.NAME` stands in the part at `part`: it hides `name` in the parts below, and only there. */
  hideBelow(part: number, name: string): void {
    const layer = this.parts[part]!.layer.position
    this.hidden.push({ name, layer, type: 0, hider: null, why: 'whiteout' })
    const known = this.names.get(name)
    if (known !== undefined) known.closed = true
    else if (!this.#whiteouts.has(name)) this.#whiteouts.set(name, layer)
  }
}
