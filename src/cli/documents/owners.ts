/** What the commands about owners and their index print with `--json`. */
import type { BuiltIndex, IndexStatus } from '../../library/owner-index.js'
import type { LayerSpace, OwnerOfEntry } from '../../library/owners.js'
import type { Layer } from './layer.js'

export interface WhichDocument {
  readonly schemaVersion: 1
  /** In the order in which they were asked for; what cannot be found is not among them. */
  readonly paths: readonly OriginOfPath[]
}

export interface OriginOfPath {
  /** As it was given. */
  readonly path: string
  /** Whose it is; null: it does not show. */
  readonly layer: Layer | null
  /** Where it lies in that layer. */
  readonly realpath: string | null
  /** Other layers that have its name. */
  readonly also: readonly {
    readonly layer: Layer
    /** `merged`, `whiteout`, or what hides it there; `lower N` in it is the layer of position N. */
    readonly why: string
  }[]
}

export interface LsDocument {
  readonly schemaVersion: 1
  /** As it was given. */
  readonly path: string
  /** By name. */
  readonly entries: readonly ListedEntry[]
}

export interface ListedEntry extends Omit<OwnerOfEntry, 'layer' | 'layers'> {
  /** Whose it is. */
  readonly layer: Layer
  /** All layers that a directory joins, top first. */
  readonly layers: readonly Layer[]
}

export interface DuDocument {
  readonly schemaVersion: 1
  /** As it was given; `/` where nothing was. */
  readonly path: string
  /** What shows, by sizes of files and on disk, over all layers. */
  readonly bytes: number
  readonly disk: number
  /** Top first, the upper among them. */
  readonly layers: readonly SpaceOfLayer[]
}

export interface SpaceOfLayer extends Omit<LayerSpace, 'layer' | 'root'> {
  readonly layer: Layer
}

export interface IndexBuildDocument extends BuiltIndex {
  readonly schemaVersion: 1
}

export interface IndexVerifyDocument {
  readonly schemaVersion: 1
  /** The database. */
  readonly path: string
  /** Directories that were compared. */
  readonly directories: number
  /** Directories that the index has not read yet. */
  readonly unread: number
  readonly differences: readonly IndexDifference[]
}

export interface IndexDifference {
  /** From the merged root, without a slash in front. */
  readonly path: string
  readonly what: 'missing in the index' | 'not in the layers' | 'differs' | 'cannot be read'
  /** For `differs`: which column; null for the others. */
  readonly column: string | null
  readonly inIndex: number | string | null
  readonly inLayers: number | string | null
}

export interface IndexStatusDocument extends Omit<IndexStatus, 'layers'> {
  readonly schemaVersion: 1
  /** The lower layers that it is of, top first. */
  readonly layers: readonly {
    readonly layer: Layer
    /** How often a directory of it was found to be other than the index had it. */
    readonly edited: number
  }[]
}

export interface IndexDropDocument {
  readonly schemaVersion: 1
  /** False: there was none. */
  readonly dropped: boolean
}
