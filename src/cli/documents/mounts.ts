/** What the commands about mounts print with `--json`. */

import type { LoggedChange } from '../../library/change-log.js'
import type { MountHealth } from '../../library/health.js'
import type { HostStatus } from '../../library/hosts.js'
import type { UpperLimitReport } from '../../library/limit.js'
import type { InspectDocument, MountStats } from '../../library/mount.js'
import type { MountSummary } from '../../library/mounts.js'
import type { Layer } from './layer.js'

export interface MountDocument {
  readonly schemaVersion: 1
  readonly mountpoint: string
  /** Of the daemon that serves it. */
  readonly pid: number
}

export interface UnmountDocument {
  readonly schemaVersion: 1
  readonly mountpoint: string
  /** Files may still be open in it. */
  readonly lazy: boolean
}

export interface ListDocument {
  readonly schemaVersion: 1
  /** The oldest first. */
  readonly mounts: readonly ListedMount[]
}

export interface ListedMount extends Omit<MountSummary, 'layers' | 'upper'> {
  /** Top first, the upper among them. */
  readonly layers: readonly Layer[]
}

export interface HealthDocument {
  readonly schemaVersion: 1
  readonly mounts: readonly MountHealth[]
}

export interface StatsDocument {
  readonly schemaVersion: 1
  readonly mounts: readonly { readonly mountpoint: string; readonly counters: MountStats }[]
}

/** As docker inspect: an array of one document for each mount that was asked about. */
export type InspectDocuments = readonly InspectedMount[]

export interface InspectedMount extends InspectDocument {
  readonly SchemaVersion: 1
  /** LAYOUT:TAG where its layers are an image's. */
  readonly Image: string | null
  /** Top first, the upper among them. */
  readonly Layers: readonly CapitalLayer[]
}

/** A layer with Docker's capitals. */
interface CapitalLayer {
  /** -1 is the upper, 0 the topmost lower, and so on down. */
  readonly Position: Layer['position']
  readonly Role: Layer['role']
  readonly Name: Layer['name']
  readonly Path: Layer['path']
}

export interface LimitDocument extends UpperLimitReport {
  readonly schemaVersion: 1
  readonly mountpoint: string
}

/** With `--follow` each of `changes` is a line of its own, and there is no document. */
export interface LogDocument {
  readonly schemaVersion: 1
  readonly mountpoint: string
  /** The oldest first. */
  readonly changes: readonly LoggedChange[]
}

export interface HostDocument {
  readonly schemaVersion: 1
  /** Those that run; after `stop` those that have mounts and go on. */
  readonly hosts: readonly HostStatus[]
  /** Process ids of those that `stop` has ended. */
  readonly stopped: readonly number[]
  /** Process ids of those that `upgrade` has replaced, and of those that serve their mounts now. */
  readonly upgraded: readonly { readonly from: number; readonly to: number }[]
}

export interface SnapshotterDocument {
  readonly schemaVersion: 1
  /** The versions that the lines are for. */
  readonly containerd: '1.6' | '1.7' | '2'
  /** Lines of /etc/containerd/config.toml. */
  readonly config: string
  /** A systemd unit. */
  readonly unit: string
}
