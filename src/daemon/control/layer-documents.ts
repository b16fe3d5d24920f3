/** What a daemon says of lower layers that it has changed. */

export interface LayersChanged {
  /** All of them now, absolute, the topmost first. */
  readonly lowers: readonly string[]
  readonly added: readonly string[]
  readonly removed: readonly string[]
  /** How long it took. */
  readonly milliseconds: number
}
