/** The messages as they come and go, in the fields that are used (proto/). */

/** containerd.types.Mount: `target` is below the mountpoint, and stays empty here. */
export interface MountMessage {
  readonly type: string
  readonly source: string
  readonly target: string
  readonly options: readonly string[]
}

/** google.protobuf.Timestamp. */
export interface TimeMessage {
  readonly seconds: number
  readonly nanos: number
}

export type Labels = Readonly<Record<string, string>>

/** containerd.services.snapshots.v1.Info. */
export interface InfoMessage {
  readonly name: string
  readonly parent: string
  readonly kind: number
  readonly createdAt: TimeMessage | null
  readonly updatedAt: TimeMessage | null
  readonly labels: Labels
}

/** Prepare and View. */
export interface PrepareRequest {
  readonly key: string
  readonly parent: string
  readonly labels: Labels
}

export interface KeyRequest {
  readonly key: string
}

export interface CommitRequest {
  readonly name: string
  readonly key: string
  readonly labels: Labels
  readonly parent: string
}

export interface UpdateRequest {
  readonly info: InfoMessage | null
  readonly updateMask: { readonly paths: readonly string[] } | null
}

export interface ListRequest {
  readonly filters: readonly string[]
}

/** containerd.types.Descriptor: an object of the content store. `size` in bytes. */
export interface DescriptorMessage {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly annotations?: Labels
}

export interface ApplyRequest {
  readonly diff: DescriptorMessage | null
  readonly mounts: readonly MountMessage[]
  readonly payloads: Readonly<Record<string, unknown>>
  readonly syncFs: boolean
}

export interface DiffRequest {
  readonly left: readonly MountMessage[]
  readonly right: readonly MountMessage[]
  readonly mediaType: string
  readonly ref: string
  readonly labels: Labels
  readonly sourceDateEpoch: TimeMessage | null
}
