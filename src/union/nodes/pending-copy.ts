/**
 * A copy-up whose content is copied on another thread. A node holds it; copy-up/background-copy.ts starts and ends it.
 */

/** Content on its way, or arrived. */
export interface PendingCopy {
  readonly id: number
  /** The lower file, owned until the copy has ended. */
  readonly source: number
  /** Where it goes: owned by whoever takes it. */
  readonly target: number
  /** What `target` is called in the workdir, '' when it has no name; null for the upper file itself (a metacopy). */
  readonly temporary: string | null
  readonly length: number
  /** That is the whole of it. */
  readonly isAll: boolean
  /** What the upper file was before, to be restored when nothing comes of it; null for one in the workdir. */
  readonly stat: Float64Array | null
  /** The file capabilities it had then; null: none. */
  readonly capabilities: Uint8Array | null
}
