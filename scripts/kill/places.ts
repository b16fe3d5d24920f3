/** Where what runs in a mount that is killed finds things. */

export interface WorkPlaces {
  readonly root: string
  readonly lower: string
  readonly merged: string
  /** Beside the mount, empty or as the merged tree was. */
  readonly model: string
  /** Where kernel overlayfs is mounted over the same layer, for those who compare with it. */
  readonly kernel: string
  readonly stop: string
  /** A tree to be packed, cloned or copied, outside. */
  readonly material: string
}
