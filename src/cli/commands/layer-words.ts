/** How commands tell of a layer: `upper`, `lower 1 (base)`, and what made it where it is an image's. */
import { StratafsError } from '../../base/failure.js'
import { pathBytes } from '../../base/text.js'
import { findInside, findMount } from '../../daemon/control/find-mount.js'
import type { MountState } from '../../daemon/mount/run-directory.js'
import { type LayerNames, nameLayers } from '../../library/layer-names.js'
import { resolved } from '../../library/paths.js'
import { absolutePath } from '../terminal/paths.js'
import { cutTo } from '../terminal/table.js'

/** Of what made a layer, in a sentence. */
const LONGEST = 60

/** Words for the layers of one mount, or of layers that are named. Positions: -1 is the upper, 0 the topmost lower. */
export class LayerWords {
  constructor(private readonly layers: LayerNames) {}

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

/**
 * Of `lowers` (latin1, top first) with the names that were given; where there are none, of the mount that `path` lies
 * in.
 */
export function wordsFor(path: string, lowers: readonly string[], names: readonly string[]): LayerWords {
  if (lowers.length > 0)
    return new LayerWords(
      nameLayers(
        lowers.map((lower) => resolved(pathBytes(lower))),
        names,
      ),
    )
  const found = findInside(absolutePath(path))
  return ofState(found instanceof StratafsError ? null : found.daemon.state)
}

/** Of the mount on `merged`. */
export function wordsForMount(merged: string): LayerWords {
  const found = findMount(absolutePath(merged))
  return ofState(found instanceof StratafsError ? null : (found.daemon?.state ?? null))
}

function ofState(state: MountState | null): LayerWords {
  return new LayerWords(
    state === null ? { image: null, names: [] } : nameLayers(state.config.lowers, state.config.layerNames),
  )
}
