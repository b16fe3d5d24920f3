/**
 * What read-ahead knows of a mount: whether layers come from a disk, and who walks where. Held by the union's context.
 */
import type { LayerDirs } from '../../stack/parts.js'
import type { Node } from '../nodes/node.js'
import { AllSiblings } from './siblings.js'

export class WalkAhead {
  /** Blocks read from disks so far, -1: not asked yet, and for how many directories that is believed to go on. */
  blocks = -1
  left = 0
  /** Those that the engine's thread itself had read when it last searched many parts, -1: it has not. */
  own = -1
  /** The entries of a listing that have been begun last: the one that is looked up, and the one behind it. */
  begun: readonly string[] = []
  /** Directories listed one inside another. */
  steps = 0
  /** The last directory whose entries were read ahead, and up to where. */
  parent: Node | null = null
  cookie = 0
  /** Directories beside those that were entered by name. */
  readonly siblings = new AllSiblings<LayerDirs>()
  /** For this many more entered directories the layers count as not being in memory. */
  entering = 0
}
