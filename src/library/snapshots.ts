/** The library's functions for snapshots of a mount in use: make one, list them, look at one. */
import { setTimeout as sleep } from 'node:timers/promises'
import { StratafsError } from '../base/failure.js'
import { shown } from '../base/text.js'
import { askDaemon } from '../daemon/control/control-client.js'
import { findMount } from '../daemon/control/find-mount.js'
import type { MergeStatus, SnapshotMade, SnapshotRestored } from '../daemon/control/snapshot-documents.js'
import type { FoundMount } from '../daemon/mount/run-directory.js'
import { escapePath } from '../daemon/options/split.js'
import { type Change, diffSource } from '../oci/changes/diff.js'
import { recordOf } from '../snapshots/names.js'
import { chainOf, directoryOf, listed, readList, type SnapshotList, type SnapshotRecord } from '../snapshots/records.js'
import type { UnionConfig } from '../union/context/config.js'
import { usedBelow } from './offline/layer-space.js'
import { absolute, type Path, toText, unwrap } from './paths.js'

export type { SnapshotMade, SnapshotRestored } from '../daemon/control/snapshot-documents.js'

export interface SnapshotOptions {
  /** Without spaces and / : , @. Where none is given, the time: `2026-01-31T12.00.00`. */
  readonly name?: string | undefined
  readonly message?: string | undefined
}

/** A snapshot, as a list shows it. */
export interface SnapshotSummary {
  readonly name: string
  readonly message: string | null
  /** ISO time. */
  readonly created: string
  /** The snapshot that it stands on; null: the lower layers. */
  readonly parent: string | null
  /** The present stands on it, by way of others too. */
  readonly below: boolean
  /** The directory, a lower layer. */
  readonly path: string
}

/** One of them, looked at. */
export interface SnapshotDetails extends SnapshotSummary {
  /** On disk, of what it holds itself. */
  readonly bytes: number
  /** Its tree as a mount option: itself and what it stands on, top first. */
  readonly lowerdir: string
}

/** As long as a disk may take to write what programs have written; it is the daemon's end that counts. */
const PATIENCE_MS = 600_000

/** Freezes what the mount on `mountpoint` shows now. Programs in it go on. */
export async function createSnapshot(mountpoint: Path, options: SnapshotOptions = {}): Promise<SnapshotMade> {
  const { socket } = daemonOf(mountpoint)
  const { name = null, message = null } = options
  const reply = await askDaemon(socket, { command: 'snapshot', name, message }, PATIENCE_MS)
  if (reply.ok) return reply.result as SnapshotMade
  throw new StratafsError(`no snapshot of ${toText(mountpoint)}: ${reply.error}`)
}

export interface RestoreOptions {
  /** What was done since is thrown away; it becomes a snapshot `before-restore-…` otherwise. */
  readonly discard?: boolean | undefined
}

/** The mount on `mountpoint` shows again what it showed when the snapshot `name` was made. */
export async function restoreSnapshot(
  mountpoint: Path,
  name: string,
  options: RestoreOptions = {},
): Promise<SnapshotRestored> {
  const { socket } = daemonOf(mountpoint)
  const reply = await askDaemon(socket, { command: 'restore', name, keep: options.discard !== true }, PATIENCE_MS)
  if (reply.ok) return reply.result as SnapshotRestored
  throw new StratafsError(`${toText(mountpoint)} does not go back to ${name}: ${reply.error}`)
}

export interface SnapshotRemoved {
  readonly removed: string
  /** Its layer is gone; false: it stays for now. */
  readonly done: boolean
  /** Why it stays; null: it does not, or it is being merged. */
  readonly why: string | null
}

export interface RemoveOptions {
  /** The layer may go after the answer. */
  readonly background?: boolean | undefined
  /** Told now and then how many entries have been looked at. */
  readonly onProgress?: ((looked: number) => void) | undefined
}

/**
 * Removes the snapshot `name`: its layer goes into the one that stands on it. The tree stays what it is, and so do the
 * other snapshots.
 */
export async function removeSnapshot(
  mountpoint: Path,
  name: string,
  options: RemoveOptions = {},
): Promise<SnapshotRemoved> {
  const { socket } = daemonOf(mountpoint)
  const reply = await askDaemon(socket, { command: 'forget', name })
  if (!reply.ok) throw new StratafsError(`${toText(mountpoint)}: ${reply.error}`, 'IN_USE')
  if (options.background === true) return { removed: name, done: false, why: null }
  for (;;) {
    const status = await mergeStatus(socket, mountpoint)
    const waits = status.waiting.find((each) => each.name === name)
    if (status.merging === null) return { removed: name, done: waits === undefined, why: waits?.why ?? null }
    options.onProgress?.(status.looked)
    await sleep(MERGING_MS)
  }
}

/** How often a merge is asked how far it is. */
const MERGING_MS = 20

async function mergeStatus(socket: string, mountpoint: Path): Promise<MergeStatus> {
  const reply = await askDaemon(socket, { command: 'merging' })
  if (reply.ok) return reply.result as MergeStatus
  throw new StratafsError(`${toText(mountpoint)}: ${reply.error}`)
}

/** The snapshots of the mount on `mountpoint`, the oldest first. */
export function listSnapshots(mountpoint: Path): SnapshotSummary[] {
  const { work, list } = listOf(mountpoint)
  const below = new Set(chainOf(list).map(({ id }) => id))
  return listed(list).map((record) => summaryOf(work, list, record, below))
}

/** What the snapshot `name` is. Reads its directories. */
export function showSnapshot(mountpoint: Path, name: string): SnapshotDetails {
  const { work, list, config } = listOf(mountpoint)
  const record = recordOf(list, name)
  const below = new Set(chainOf(list).map(({ id }) => id))
  const own = chainOf(list, record.id).map(({ id }) => directoryOf(work, id))
  const lowers = [...own, ...config.lowers.slice(config.snapshots ?? 0)]
  return {
    ...summaryOf(work, list, record, below),
    bytes: usedBelow(directoryOf(work, record.id)),
    lowerdir: lowers.map((path) => shown(escapePath(path))).join(':'),
  }
}

/** One path that is other than it was. */
export interface SnapshotChange extends Omit<Change, 'layer' | 'before'> {
  /** What it was, where something stood there. */
  readonly before?: { readonly kind: Change['kind']; readonly size: number }
}

/**
 * What was changed between two snapshots of the mount on `mountpoint`: since `from` (the lower layers where none is
 * named), up to `to` (the present).
 */
export async function diffSnapshots(mountpoint: Path, from?: string, to?: string): Promise<SnapshotChange[]> {
  const changes = await diffSource({ merged: absolute(mountpoint), from, to })
  return changes.map(({ layer: _, before, ...change }) =>
    before === undefined ? change : { ...change, before: { kind: before.kind, size: before.size } },
  )
}

function summaryOf(
  work: string,
  list: SnapshotList,
  { id, name, message, created, parent }: SnapshotRecord,
  below: ReadonlySet<number>,
): SnapshotSummary {
  return {
    name,
    message,
    created,
    parent: (parent === null ? [] : chainOf(list, parent)).find(({ removed }) => removed === undefined)?.name ?? null,
    below: below.has(id),
    path: shown(directoryOf(work, id)),
  }
}

/** Throws StratafsError where there can be none. */
function listOf(mountpoint: Path): { work: string; list: SnapshotList; config: UnionConfig } {
  const { config } = daemonOf(mountpoint).state
  if (config.work !== null) return { work: config.work, list: readList(config.work), config }
  throw new StratafsError(`${toText(mountpoint)} has no snapshots: it is mounted without a workdir`)
}

export function daemonOf(mountpoint: Path): FoundMount {
  const { daemon } = unwrap(findMount(absolute(mountpoint)), 'NOT_A_MOUNT')
  if (daemon !== null) return daemon
  throw new StratafsError(`${toText(mountpoint)}: its daemon is dead or another user’s`, 'DAEMON_DEAD')
}
