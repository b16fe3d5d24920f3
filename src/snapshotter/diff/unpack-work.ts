/** What the thread that unpacks a layer is told, and what it tells. Paths are latin1. */
import type { FailureRecord } from '../../base/failure.js'
import type { Unpacked } from '../../oci/apply/unpack.js'
import type { Usage } from '../records/snapshot.js'

export interface UnpackOrder {
  readonly archive: string
  readonly directory: string
  readonly digest: string
  /** All layers beneath, top first; null: nobody knows them yet. */
  readonly lowers: readonly string[] | null
  /** Everything is put on disk. */
  readonly sync: boolean
}

export interface UnpackedLayer {
  readonly unpacked: Unpacked
  readonly usage: Usage
}

export type ToUnpacker = UnpackOrder | 'cancel' | 'end'
export type FromUnpacker = UnpackedLayer | { readonly failure: FailureRecord | string }
