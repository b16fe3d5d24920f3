/** What came over a device first; null: the mount is gone. */
export interface FirstRequest {
  readonly fd: number
  readonly request: Uint8Array | null
}
