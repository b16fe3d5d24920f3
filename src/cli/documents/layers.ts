/** What the commands that read changes and layers print with `--json`. */
import type { Change, Summary } from '../../library/changes.js'
import type { Bundle, Unpacked } from '../../library/layers.js'
import type { Layer } from './layer.js'

export interface DiffDocument {
  readonly schemaVersion: 1
  /** By path. */
  readonly changes: readonly ChangeOfPath[]
}

export interface ChangeOfPath extends Omit<Change, 'layer' | 'before'> {
  /** Whose it is now: the upper's; of what is deleted, whose it was. */
  readonly layer: Layer
  /** What it was, where something stood there. */
  readonly before?: { readonly layer: Layer; readonly kind: Change['kind']; readonly size: number }
}

/** Of a commit, of `commit --dry-run`, and of an export, which is a layer that holds everything. */
export interface CommitDocument {
  readonly schemaVersion: 1
  /** Nothing was written. */
  readonly dryRun: boolean
  /** In the layer: entries, whiteouts among them, and bytes of file contents. */
  readonly entries: number
  readonly whiteouts: number
  readonly bytes: number
  /** Paths of sockets, which no layer can hold. */
  readonly sockets: readonly string[]
  /** Paths of files that were written to while they were read. */
  readonly changedMeanwhile: readonly string[]
  /** Of the archive: bytes as it is, digests as it is and of what it unpacks to. Null where nothing was written. */
  readonly size: number | null
  readonly digest: string | null
  readonly diffID: string | null
  /** Of the layer with all below it in the image; of a layer alone its diffID. */
  readonly chainID: string | null
  /** The image's manifest and how many layers it has; null where none was asked for. */
  readonly manifest: string | null
  readonly layerCount: number | null
  /** With `--dry-run`: every directory of the layer, by path, with what is in it and below. */
  readonly directories: Summary['directories'] | null
}

export interface ApplyDocument extends Unpacked {
  readonly schemaVersion: 1
  readonly directory: string
}

export interface BundleDocument extends Omit<Bundle, 'root'> {
  readonly schemaVersion: 1
  /** The mount that is its root filesystem. */
  readonly mountpoint: string
}
