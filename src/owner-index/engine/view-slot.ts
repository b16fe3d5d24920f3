/** What a directory remembers of its view in the owner index. */
import type { LayerDirs } from '../../stack/parts.js'
import type { DirectoryView } from './directory-view.js'

/**
 * What the index remembers on a directory: its view, or the generation in which there was none, or that there is never
 * one.
 */
export type OwnerViewSlot = DirectoryView | number

export const UNTRIED = -1

export const NEVER = -2

export interface IndexedDirectory {
  readonly lowers: LayerDirs
  ownerView: OwnerViewSlot
}
