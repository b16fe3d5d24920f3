/**
 * What a workload is: a mount of some layers with its upper on some medium, and steps that run in it one after the
 * other, of which some are measured. Steps are bash, with these variables: M the merged directory, TAR and SMALL (see
 * material.ts), and so on.
 */
import type { Medium } from './ground.js'
import type { Material } from './material.js'

/** One figure that is measured. */
export interface Measure {
  /** For `--only` and the results: words with dashes. */
  readonly id: string
  readonly title: string
  readonly unit: 's' | 'MB'
  /** What the project wants to reach, as a multiple of kernel overlayfs; absent where nothing was said. */
  readonly target?: number
  /** The same for the cached mode, where it differs. */
  readonly cachedTarget?: number
  /** A row of its own tells these figures as a multiple of those of the measure `id`, of the same side. */
  readonly against?: { readonly id: string; readonly title: string; readonly target: number }
}

export interface Step {
  /** What is measured; absent: preparation. */
  readonly measure?: Measure
  /** bash, ended by the first error. To give the seconds itself it writes them to descriptor 3. */
  readonly run: string
  /** The kernel's caches are emptied before. */
  readonly cold?: boolean
  /** So many MiB of memory are used and given back before. */
  readonly memory?: number
}

export interface Workload {
  /** What of the material lies below, top first. */
  readonly lowers: (material: Material) => readonly string[]
  readonly medium: Medium
  readonly metacopy?: boolean
  /** A mount option that only this project's own sides get, as the title says. */
  readonly own?: string
  /**
   * This project's sides have their index of the layers built before they mount, as a mount after an image's first has
   * it.
   */
  readonly indexed?: boolean
  /** As many times the rounds that were asked for: what takes a tenth of a second varies more than what takes one. */
  readonly times?: number
  readonly steps: readonly Step[]
}
