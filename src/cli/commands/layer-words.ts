/** How commands tell of a layer: `upper`, `lower 1 (base)`, and what made it where it is an image's. */
import { StratafsError } from '../../base/failure.js'
import { pathBytes, shown } from '../../base/text.js'
import { findInside, findMount } from '../../daemon/control/find-mount.js'
import type { MountState } from '../../daemon/mount/run-directory.js'
import { type LayerNames, nameLayers } from '../../library/layer-names.js'
import { resolved } from '../../library/paths.js'
import type { Layer } from '../documents/layer.js'
import { absolutePath } from '../terminal/paths.js'
import { cutTo } from '../terminal/table.js'

/** Of what made a layer, in a sentence. */
const LONGEST = 60

/** Where the layers lie, latin1; the lowers top first. */
interface LayerPaths {
  readonly upper: string | null
  readonly lowers: readonly string[]
}

/** Words for the layers of one mount, or of layers that are named. Positions: -1 is the upper, 0 the topmost lower. */
export class LayerWords {
  constructor(
    private readonly layers: LayerNames,
    private readonly paths: LayerPaths,
  ) {}

  /** LAYOUT:TAG where they are an image's. */
  get image(): string | null {
    return this.layers.image
  }

  /** As documents tell of it. */
  layer(position: number): Layer {
    const role = position < 0 ? 'upper' : 'lower'
    const path = position < 0 ? this.paths.upper : this.paths.lowers[position]
    return { position, role, name: this.name(position), path: shown(path ?? '') }
  }

  /** All of them, top first. */
  every(): Layer[] {
    const lowers = this.paths.lowers.map((_, position) => this.layer(position))
    return this.paths.upper === null ? lowers : [this.layer(-1), ...lowers]
  }

  /** In a column: `lower 1 (base)`, `layer 3/4  RUN make`. */
  whole(position: number): string {
    const name = this.name(position)
    return position < 0 || this.layers.image !== null ? name : `lower ${position} (${name})`
  }

  /** In a sentence: `lower 1 (base)`, `layer 3/4 (RUN make)`. */
  inside(position: number): string {
    const [short, step] = this.whole(position).split(/ {2}(.*)/s)
    return step === undefined ? short! : `${short} (${cutTo(step, LONGEST, 'end')})`
  }

  /** As short as it can be told: `base`, `layer 3/4`. */
  short(position: number): string {
    return this.name(position).split('  ')[0]!
  }

  /** The name alone. */
  name(position: number): string {
    return position < 0 ? 'upper' : (this.layers.names[position] ?? `lower ${position}`)
  }

  /** `text` with each `lower N` in it told by its name. */
  within(text: string): string {
    return text.replace(/\blower (\d+)\b/g, (_, position) => this.inside(Number(position)))
  }
}

/** Layers that are named one by one, latin1: the lowers top first, with the names that were given. */
interface GivenLayers {
  readonly lowers: readonly string[]
  readonly names: readonly string[]
  readonly upper?: string | undefined
}

/** Of the layers that are given; where there are none, of the mount that `path` lies in. */
export function wordsFor(path: string, { lowers, names, upper }: GivenLayers): LayerWords {
  if (lowers.length > 0) return wordsOfStack(lowers.map(real), upper === undefined ? null : real(upper), names)
  const found = findInside(absolutePath(path))
  return ofState(found instanceof StratafsError ? null : found.daemon.state)
}

/** Of the mount on `merged`. */
export function wordsForMount(merged: string): LayerWords {
  const found = findMount(absolutePath(merged))
  return ofState(found instanceof StratafsError ? null : (found.daemon?.state ?? null))
}

function ofState(state: MountState | null): LayerWords {
  if (state === null) return new LayerWords({ image: null, names: [] }, { upper: null, lowers: [] })
  const { lowers, upper, layerNames, snapshots } = state.config
  return new LayerWords(nameLayers(lowers, layerNames, snapshots), { upper, lowers })
}

/** Of layers by their absolute paths (latin1), the lowers top first. */
export function wordsOfStack(lowers: readonly string[], upper: string | null, names?: readonly string[]): LayerWords {
  return new LayerWords(nameLayers(lowers, names), { upper, lowers })
}

function real(path: string): string {
  return resolved(pathBytes(path))
}
