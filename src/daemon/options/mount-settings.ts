/**
 * What the mount itself is told, beside the engine's configuration: the words for mount(2) and fusermount3, who may
 * enter, how long the kernel may believe an answer, where the log goes. Plain data, so that it can be handed to the
 * background process.
 */
import type { UnionConfig } from '../../union/context/config.js'
/** MS_* of mount(2), those that a union mount can have. */
export const MountFlag = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  SYNCHRONOUS: 16,
  DIRSYNC: 128,
  NOSYMFOLLOW: 256,
  NOATIME: 1024,
  NODIRATIME: 2048,
  LAZYTIME: 1 << 25,
} as const

/** How requests reach the engine. */
export type TransportName = 'dev-fuse' | 'fuse-native'

type RecoverRequest = 'auto' | 'on' | 'off'

export interface MountSettings {
  /** What mount(8) shows as the source. */
  readonly fsname: string
  /** The filesystem type is `fuse.SUBTYPE`. */
  readonly subtype: string
  /** MountFlag bits. */
  readonly flags: number
  /** Others than the mounting user may enter; null: as usual, yes for root and no for everybody else. */
  readonly allowOther: boolean | null
  readonly allowRoot: boolean
  /** Who serves what was written: this daemon (`fuse`), or a kernel overlay above it (`hybrid`). */
  readonly engine: EngineRequest
  /** Whether a kernel overlay may stand on an image of the lower layers' metadata (engine=hybrid). */
  readonly metadataImage: 'auto' | 'off'
  /** Seconds for which the kernel may believe names and attributes; null: for ever. */
  readonly timeout: number | null
  /** The mount outlives the process that serves it; `auto`: where nothing is lost by that. */
  readonly recover: RecoverRequest
  /** Whether idle processors are kept from halting in busy times. */
  readonly awake: AwakeRequest
  /** Absolute latin1 path; null: the daemon's own choice. */
  readonly logFile: string | null
  /** Log to systemd's journal; then there is no file. */
  readonly journal: boolean
  /** Tell every request in one line. */
  readonly trace: boolean
  /** The workdir was not named but chosen beside the upperdir, and may be made. */
  readonly makeWork: boolean
  /** null: dev-fuse where the addon is there, else fuse-native. */
  readonly transport: TransportName | null
  /** Mount over fuse-native also where it does something wrong. */
  readonly acceptLimits: boolean
  /** Over fuse-native: fusermount takes the mount away when the daemon is killed. */
  readonly autoUnmount: boolean
}

/** Everything one mount is made from. */
export interface MountPlan {
  readonly config: UnionConfig
  readonly settings: MountSettings
  /** Absolute latin1 path. */
  readonly mountpoint: string
  /** The option words as they were given, for inspect. */
  readonly options: readonly string[]
  /** The same mount may stand there already: then it is mounted once more, where the engine is hybrid. */
  readonly mayStand?: true
  /** It is mounted already, and the paths are resolved (daemon/deferred). */
  readonly begun?: BegunConnection
}

/** A mount that was without an engine until somebody asked it something. */
export interface BegunConnection {
  /** Its device. */
  readonly fd: number
  /** What INIT agreed on, as numbers (protocol/init.ts). */
  readonly terms: readonly number[]
  /** The first request: it has been read, and waits for its answer. */
  readonly request: Uint8Array
  /** Whoever closes the device from now on is the engine. */
  isTaken: boolean
}

/**
 * Root's mounts are for everybody, as with fuse-overlayfs; `allow_root` asks for no more than root, who is the owner.
 */
export function othersMayEnter(settings: MountSettings): boolean {
  return settings.allowOther ?? (process.getuid?.() === 0 && !settings.allowRoot)
}

/** `engine=` as it was given; `auto` when it was not. */
type EngineRequest = 'auto' | 'fuse' | 'hybrid'

/** `awake=` as it was given; `auto` when it was not. */
export type AwakeRequest = 'on' | 'off' | 'auto'
