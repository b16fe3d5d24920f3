/**
 * The document that `inspect` prints: Docker's GraphDriver, so that scripts written for it go on working, and our facts
 * beside it. Pure.
 */

import { shown } from '../../base/text.js'
import type { MountedIndexFacts } from '../../owner-index/database/shared-state.js'
import type { UnionConfig } from '../../union/context/config.js'
import type { UnionDescription } from '../../union/describe.js'
import type { MountState } from '../mount/run-directory.js'
import type { TransportFacts } from '../mount/transport-choice.js'
import { escapePath } from '../options/split.js'

/** The owner index: see MountedIndexFacts, whose members these are. */
interface IndexDocument {
  /** The database. */
  readonly Path: string | null
  readonly State: MountedIndexFacts['state']
  /** Every directory of the lower layers has been read. */
  readonly Complete: boolean
  /** Where its rows came from when the mount began. */
  readonly From: MountedIndexFacts['from']
  /** Why there is none, or why it does not go on, in words; null: nothing is wrong. */
  readonly Downgrade: string | null
  /** The walk over the whole tree that is under way. */
  readonly Filling: { readonly Directories: number; readonly Entries: number; readonly Waiting: number } | null
  /** Directories that the last such walk could not read. */
  readonly Failed: number
  /** Directories that the last such walk has read or found unchanged, and those it knows of. */
  readonly Coverage: { readonly Read: number; readonly Found: number } | null
  /** The upper's rows are what the upper is, but for the last second. */
  readonly UpperRead: boolean
  /** Layers are believed to be what they were (`index=immutable`). */
  readonly Immutable: boolean
  /** What the engine asked of it; null when it was too busy to tell. */
  readonly Counters: Readonly<Record<string, number>> | null
}

/** What the engine tells of itself; its transport may add members. */
interface EngineDocument {
  /** How names of marks begin: `trusted.overlay.`. */
  readonly Marks?: string
  /** How a whiteout is written. */
  readonly Whiteouts?: string
  readonly RedirectDir?: string
  readonly Metacopy?: boolean
  readonly HardLinkIndex?: boolean
  readonly PrivateLayers?: boolean
  readonly Data?: {
    readonly Mode: 'passthrough' | 'cached'
    readonly Why: string
    readonly Writeback: boolean
    readonly Opens: string
  }
  readonly Readonly?: boolean
  /** What the upper may take up, and does, in bytes and inodes (`-o size=`, `stratafs limit`); null: nobody counts. */
  readonly Limit?: {
    readonly Size: number | null
    readonly Inodes: number | null
    readonly UsedBytes: number | null
    readonly UsedInodes: number | null
    /** Entries counted so far, while what was there before is being counted. */
    readonly Counting: number | null
  } | null
  /** Whether it keeps processors from halting, and why. */
  readonly Awake?: { readonly Holds: boolean; readonly Why: string }
  /** What becomes of it when its process dies (`recover=on`). */
  readonly Recovery?: { readonly Kind: 'full' | 'partial' | 'none'; readonly Why: string }
  /** `hybrid`: a kernel overlay lies above, of these options and data-only layers. */
  readonly Engine?: 'hybrid'
  /** What that stands on: a metadata image, and which; or a FUSE mount, and why. */
  readonly Lower?: { readonly Kind: 'image' | 'fuse'; readonly Why: string }
  readonly Overlay?: { readonly Options: readonly string[]; readonly DataLayers: readonly string[] }
  /** Of FUSE, as it was agreed with the kernel. */
  readonly Protocol?: string | null
}

export interface InspectDocument {
  readonly GraphDriver: { readonly Name: 'stratafs'; readonly Data: Readonly<Record<string, string>> }
  readonly Mode: 'ro' | 'rw'
  readonly Pid: number
  /** The process serves other mounts, too (`stratafs host status`). */
  readonly Hosted: boolean
  readonly Since: string
  readonly Device: string
  readonly Log: string | null
  readonly Options: readonly string[]
  /** How requests come, and why so when nobody asked for it. */
  readonly Transport: { readonly Name: string; readonly Why: string | null }
  readonly Downgrades: readonly string[]
  /**
   * The owner index (`-o index=`); null where the mount has none. The hard-link index, which this option does not
   * concern, is `Engine.HardLinkIndex`.
   */
  readonly Index: IndexDocument | null
  /** What the engine tells of itself; null when it was too busy. */
  readonly Engine: EngineDocument | null
}

/** What the engine answers when it is asked what it is. */
export interface EngineFacts extends UnionDescription {
  /** Of FUSE, as it was agreed: `7.38`; null before the kernel's first message. */
  readonly protocol: string | null
  /** Whether idle processors are kept from sleeping; not over fuse-native. */
  readonly awake?: { readonly holds: boolean; readonly why: string }
  readonly recovery?: { readonly kind: 'full' | 'partial' | 'none'; readonly why: string }
}

/** As the option is written. */
function lowerdir({ lowers, dataLowers = [] }: UnionConfig): string {
  const path = (lower: string) => shown(escapePath(lower))
  return [lowers.map(path).join(':'), ...dataLowers.map(path)].join('::')
}

/** From the state file and the engine's own description (null: it did not answer). */
export function inspectDocument(
  state: MountState,
  facts: EngineFacts | null,
  index: MountedIndexFacts | null = null,
  transport: TransportFacts = { name: 'dev-fuse', why: null, limits: [] },
): InspectDocument {
  const { config } = state
  const data: Record<string, string> = {
    LowerDir: lowerdir(config),
    MergedDir: shown(state.mountpoint),
  }
  if (config.upper !== null) data.UpperDir = shown(config.upper)
  if (config.work !== null) data.WorkDir = shown(config.work)
  return {
    GraphDriver: { Name: 'stratafs', Data: data },
    Mode: config.readonly ? 'ro' : 'rw',
    Pid: state.pid,
    Hosted: state.hosted === true,
    Since: state.since,
    Device: state.device,
    Log: state.log === null ? null : shown(state.log),
    Options: state.options.map(shown),
    Transport: { Name: transport.name, Why: transport.why },
    Downgrades: [...transport.limits, ...(facts?.downgrades ?? []), ...(index?.downgrade ? [index.downgrade] : [])],
    Index: index === null ? null : indexDocument(index, facts?.ownerIndex ?? null),
    Engine: facts === null ? null : engineOf(facts),
  }
}

function engineOf({ downgrades: _told, ownerIndex: _counters, ...engine }: EngineFacts): EngineDocument {
  return capitalised(engine) as EngineDocument
}

function indexDocument(facts: MountedIndexFacts, counters: Record<string, number> | null): IndexDocument {
  const path = facts.path === null ? null : shown(facts.path)
  return { ...(capitalised({ ...facts, path }) as Omit<IndexDocument, 'Counters'>), Counters: counters }
}

/** With the names of members as Docker's are, all the way down. */
function capitalised(value: object): Record<string, unknown> {
  const members = Object.entries(value).map(([name, inner]) => {
    const isObject = typeof inner === 'object' && inner !== null && !Array.isArray(inner)
    return [name.charAt(0).toUpperCase() + name.slice(1), isObject ? capitalised(inner) : inner]
  })
  return Object.fromEntries(members)
}
