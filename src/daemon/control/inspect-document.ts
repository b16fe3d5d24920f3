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

export interface InspectDocument {
  readonly GraphDriver: { readonly Name: 'stratafs'; readonly Data: Record<string, string> }
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
   * The owner index (`-o index=`); null where the mount has none. `counters`: what the engine asked of it; null when it
   * was too busy to tell. The hard-link index, which this option does not concern, is `Engine.hardLinkIndex`.
   */
  readonly Index: (MountedIndexFacts & { readonly counters: Record<string, number> | null }) | null
  /** What the engine tells of itself; null when it was too busy. */
  readonly Engine: Omit<EngineFacts, 'downgrades' | 'ownerIndex'> | null
}

/** What the engine answers when it is asked what it is. */
export interface EngineFacts extends UnionDescription {
  /** Of FUSE, as it was agreed: `7.38`; null before the kernel's first message. */
  readonly protocol: string | null
  /** Whether idle processors are kept from sleeping; not over fuse-native. */
  readonly awake?: { readonly holds: boolean; readonly why: string }
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
    Index:
      index === null
        ? null
        : { ...index, path: index.path === null ? null : shown(index.path), counters: facts?.ownerIndex ?? null },
    Engine: facts === null ? null : engineOf(facts),
  }
}

function engineOf({ downgrades: _told, ownerIndex: _counters, ...engine }: EngineFacts): InspectDocument['Engine'] {
  return engine
}
