/** What the thread that makes a metadata image is told, and what it answers. */
import type { UnionConfig } from '../../../union/context/config.js'
import type { MadeImage } from './make-image.js'

export interface ImageOrder {
  /** Of the lower layers, with the view that says where content lies. */
  readonly config: UnionConfig
  /** Somebody waits for it. */
  readonly isHurried: boolean
  /** One number; not 0: it is given up. */
  readonly givenUp: Int32Array
}

export type ImageAnswer = { readonly made: MadeImage } | { readonly refusal: string }
