/** How a document tells of a layer: the same members wherever one is told. */

export interface Layer {
  /** -1 is the upper, 0 the topmost lower, and so on down. */
  readonly position: number
  readonly role: 'upper' | 'lower'
  /** As `--lower NAME=DIR` calls it; of an image's by what made it; else the end of its path. */
  readonly name: string
  /** Its directory. */
  readonly path: string
}
