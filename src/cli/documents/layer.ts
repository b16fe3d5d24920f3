/** How a document tells of a layer: the same members wherever one is told. */

export interface Layer {
  /** -1 is the upper, 0 the topmost lower, and so on down. */
  readonly position: number
  readonly role: 'upper' | 'lower'
  /** What it is called: as `--lower NAME=DIR` says, by what made it where it is an image's, else the end of its path. */
  readonly name: string
  /** Its directory. */
  readonly path: string
}
