/** What the thread at the doors tells: what came over a device first; null: the mount is gone. */
export interface FromDoors {
  readonly fd: number
  readonly request: Uint8Array | null
}
