/**
 * The library's functions for mounts: make one, change its flags, ask it, end it. A mount is served by a process of
 * its own, which outlives the caller; it is found again by its mountpoint.
 */
import { fromText, shown } from '../base/text.js'
import { askDaemon } from '../daemon/control/control-client.js'
import type { ControlRequest } from '../daemon/control/control-protocol.js'
import { findMount } from '../daemon/control/find-mount.js'
import type { InspectDocument } from '../daemon/control/inspect-document.js'
import { unmount as unmountPath } from '../daemon/control/unmount.js'
import { unanswered } from '../daemon/mount/elsewhere.js'
import { listMounts } from '../daemon/mount/run-directory.js'
import { parseOptions } from '../daemon/options/parse.js'
import { mountInBackground } from '../daemon/process/background.js'
import { absolute, askOf, type Path, toBytes, toText, unwrap } from './paths.js'

export type { InspectDocument } from '../daemon/control/inspect-document.js'

export interface MountOptions {
  /** Lower directories, top first; 1 to 500. */
  readonly lower: readonly Path[]
  /** What the lower directories are called where they are told; `''` or nothing: as their path ends. */
  readonly names?: readonly string[] | undefined
  /** Without it the mount is read-only. */
  readonly upper?: Path | undefined
  /** Where none is named: `.NAME.work` beside the upper directory. */
  readonly work?: Path | undefined
  /** Further mount options, as after `-o`: `'volatile,metacopy=on'`. */
  readonly options?: string | undefined
  /** Gets a sentence when the upper is held by a mount that is on its way out. */
  readonly notice?: ((sentence: string) => void) | undefined
  /** Ends that wait. */
  readonly signal?: AbortSignal | undefined
}

export interface UnmountOptions {
  /** Also while files are open in it; the daemon serves on until they are closed. */
  readonly lazy?: boolean | undefined
  /** Gets a sentence when it takes long, and when other mount namespaces keep the mount. */
  readonly notice?: ((sentence: string) => void) | undefined
}

export interface Mount {
  /** Resolved. */
  readonly mountpoint: string
  /** The process that serves it. */
  readonly pid: number
  /** What was ignored among the options. */
  readonly warnings: readonly string[]
  unmount(options?: UnmountOptions): Promise<void>
}

/** Mounts in a background process that outlives this one; resolves once the mount answers. */
export async function mount(mountpoint: Path, options: MountOptions): Promise<Mount> {
  const parsed = parseMountOptions(options.options, options)
  const { config, settings, options: words, warnings } = unwrap(parsed, 'INVALID_ARGUMENT')
  const plan = { config, settings, options: words, mountpoint: absolute(mountpoint) }
  const { notice: say = () => {}, signal } = options
  const started = await mountInBackground(plan, warnings, { say, signal })
  const { pid, mountpoint: real, notice } = unwrap(started, 'MOUNT_REFUSED')
  const end = (how?: UnmountOptions) => unmount(Buffer.from(real, 'latin1'), how)
  return { mountpoint: shown(real), pid, warnings: notice === null ? warnings : [...warnings, notice], unmount: end }
}

/** Reads mount options, as after `-o`, together with the directories that are named beside them. */
export function parseMountOptions(words: string | undefined, { lower, names, upper, work }: MountOptions) {
  return parseOptions(words === undefined ? [] : [fromText(words)], {
    strict: true,
    cwd: absolute('').replace(/(.)\/$/, '$1'),
    lowers: lower.map(toBytes),
    ...(names === undefined ? {} : { layerNames: names.map(fromText) }),
    ...(upper === undefined ? {} : { upper: toBytes(upper) }),
    ...(work === undefined ? {} : { work: toBytes(work) }),
  })
}

/** Gives the mount on `mountpoint` other flags: `'ro'`, `'rw,noatime'`; those that are not named stay. */
export async function remount(mountpoint: Path, options: string): Promise<void> {
  const { remount: change } = await import('../daemon/control/remount.js')
  unwrap(findMount(absolute(mountpoint)), 'NOT_A_MOUNT')
  const refused = change(absolute(mountpoint), [fromText(options)])
  if (refused !== null) throw refused
}

/** Unmounts, and waits for the daemon to end unless `lazy`. */
export async function unmount(mountpoint: Path, options: UnmountOptions = {}): Promise<void> {
  const path = absolute(mountpoint)
  unwrap(findMount(path), 'NOT_A_MOUNT')
  const result = await unmountPath(path, options.lazy ?? false, options.notice ?? (() => {}))
  if (result !== null) throw result
}

/** What is mounted on `mountpoint`. */
export async function inspect(mountpoint: Path): Promise<InspectDocument> {
  return (await askMount(mountpoint, { command: 'inspect' })) as InspectDocument
}

/** Every mount of this user that answers. */
export async function inspectAll(): Promise<InspectDocument[]> {
  const replies = await Promise.all(listMounts().map(({ socket }) => askDaemon(socket, { command: 'inspect' })))
  return replies.flatMap((reply) => (reply.ok ? [reply.result as InspectDocument] : []))
}

/** How the index of owners is, and what was asked of it. */
interface IndexCounters {
  readonly state: 'off' | 'opening' | 'ready' | 'none'
  readonly complete: boolean
  readonly [counter: string]: number | string | boolean
}

/** Counters of a mount since it began. Sizes are bytes. Those of /dev/fuse are not there over fuse-native. */
export interface MountStats {
  /** Nodes that the kernel knows, open directories, listings kept. */
  readonly nodes: number
  readonly directories: number
  readonly listings: number
  readonly copyUps: number
  readonly copyUpBytes: number
  /** Files that were copied before they were asked for. */
  readonly copyUpsAhead: number
  readonly whiteouts: number
  /** Files whose data the kernel was handed (data=passthrough). */
  readonly passedThrough: number
  /** Nodes replaced by a copy-up while open. */
  readonly ghosts: number
  readonly requests: number
  /** Requests that met a fault of ours, and got EIO. */
  readonly faults: number
  /** Requests that contradicted themselves. */
  readonly malformed?: number
  readonly failedReplies?: number
  readonly awakenings?: number
  /** Reads and writes that were served beside the loop. */
  readonly data?: {
    readonly reads: number
    readonly bytesRead: number
    readonly writes: number
    readonly bytesWritten: number
  }
  readonly memory: { readonly rss: number; readonly heapUsed: number }
  /** The index of owners: how it is, and its own counters. */
  readonly index: IndexCounters
  /** By the kernel's name of the message; over fuse-native, by call. */
  readonly byKind: Readonly<Record<string, { readonly requests: number; readonly errors: number } | number>>
}

/** Counters of the mount on `mountpoint`: requests by kind, copy-ups, memory. */
export async function stats(mountpoint: Path): Promise<MountStats> {
  return (await askMount(mountpoint, { command: 'stats' })) as MountStats
}

/** Asks the daemon of the mount on `mountpoint`. */
export async function askMount(mountpoint: Path, request: ControlRequest): Promise<unknown> {
  const { daemon, entry } = unwrap(findMount(absolute(mountpoint)), 'NOT_A_MOUNT')
  if (daemon === null)
    throw unanswered(toBytes(mountpoint), entry?.device, 'take a dead mount away with `stratafs unmount`')
  return askOf(daemon.socket, request, toText(mountpoint))
}
