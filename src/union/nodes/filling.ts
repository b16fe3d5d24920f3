/**
 * A lower file that has been written to and is still being copied up. A node holds it; copy-up/filling.ts says what
 * becomes of it, and docs/decisions/0038-copy-up-while-it-is-written.md why.
 */

/** The file that will be the upper one. Until it is whole it has no name there, and the node counts as a lower one. */
export interface Filling {
  /** It is open here, for reading and writing. Whatever is done by this number sees the file as if it were whole. */
  readonly target: number
  /** What it is called in the workdir; '' when it has no name. */
  readonly temporary: string
  /** Gives it its place in the upper: 0, or -errno. */
  readonly commit: () => number
  /** Why the copy has stopped, as it was last told in the log (-errno); 0: it has not. */
  stopped: number
}
