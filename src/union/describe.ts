/**
 * What a mount is made of and what it does without, for `inspect`.
 */
import type { LowerStackConfig } from '../stack/lower-stack.js'
import type { Union } from './context/union.js'
import type { LimitReport } from './context/upper-limit.js'

/** The forms of a whiteout, in words. */
const WHITEOUTS = { device: 'device 0:0', aufs: '.wh.NAME', xattr: 'file with the attribute whiteout' }

/** What a mount is made of, as `inspect` shows it. */
export interface UnionDescription {
  /** What the names of marks begin with. */
  readonly marks: string
  readonly whiteouts: string
  readonly redirectDir: 'on' | 'follow' | 'nofollow'
  readonly metacopy: boolean
  /** The workdir's `index/`, as kernel overlayfs has it; the database of owners is `ownerIndex`. */
  readonly hardLinkIndex: boolean
  /** Lower layers are reached through private clones of their mounts. */
  readonly privateLayers: boolean
  readonly data: {
    readonly mode: 'passthrough' | 'cached'
    readonly why: string
    readonly writeback: boolean
    readonly opens: 'not asked for' | 'answered'
  }
  readonly readonly: boolean
  /** What the upper may take up, and does; null: nobody counts. */
  readonly limit: LimitReport | null
  /** What was asked of the database; null where the mount has none. */
  readonly ownerIndex: Readonly<Record<string, number>> | null
  readonly downgrades: readonly string[]
}

function describeData(u: Union): UnionDescription['data'] {
  const { passthrough, noOpen, writeback, why } = u.data
  return { mode: passthrough ? 'passthrough' : 'cached', why, writeback, opens: noOpen ? 'not asked for' : 'answered' }
}

/** What this mount is made of and what it does without, for `inspect`. */
export function describeUnion(u: Union): UnionDescription {
  return {
    marks: u.marks.prefix,
    whiteouts: WHITEOUTS[u.whiteouts.writtenAs],
    redirectDir: u.redirects ? 'on' : u.config.redirectDir === 'nofollow' ? 'nofollow' : 'follow',
    metacopy: u.config.metacopy,
    hardLinkIndex: u.writable !== null && u.writable.work.index !== null,
    privateLayers: u.lowers.every((layer) => layer.isPrivate),
    data: describeData(u),
    readonly: u.writable === null,
    limit: u.limit?.report() ?? null,
    ownerIndex: u.lowerIndex === null ? null : { ...u.lowerIndex.counters },
    downgrades: u.downgrades,
  }
}

/** Its lower layers, for whoever opens them by himself. */
export function stackOf(u: Union): LowerStackConfig {
  return {
    lowers: u.lowers.map((layer) => layer.path),
    prefix: u.marks.prefix,
    redirectDir: u.config.redirectDir,
    leadsBelow: u.dataLayers.length > 0,
    traps: u.traps,
    rootFds: u.lowers.map((layer) => layer.rootFd),
    mapped: u.lowers.map((layer) => layer.isMapped),
  }
}
