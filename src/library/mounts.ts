/**
 * The mounts there are, as a list shows them: from the state files and the kernel's table alone, so that one that does
 * not answer is listed as fast as any other. Only the size of an upper is read from it.
 */
import { shown } from '../base/text.js'
import { type Server, serversOf } from '../daemon/mount/elsewhere.js'
import { isOurType, type MountEntry, readMounts } from '../daemon/mount/mountinfo.js'
import { listMounts, type MountState } from '../daemon/mount/run-directory.js'
import { nameLayers } from './layer-names.js'
import { usedBelow } from './offline/layer-space.js'

export interface MountSummary {
  readonly mountpoint: string
  /**
   * `elsewhere`: served by a daemon that has another run directory (STRATAFS_RUN_DIR), where `inspect` and the others
   * find it. `dead`: in the kernel's table, and no daemon is seen that serves it.
   */
  readonly state: 'serving' | 'elsewhere' | 'dead'
  readonly mode: 'rw' | 'ro'
  /** LAYOUT:TAG where its layers are an image's. */
  readonly image: string | null
  /** The lower layers, top first. */
  readonly layers: readonly { readonly name: string; readonly path: string }[]
  readonly upper: string | null
  /** On disk, of the upper. */
  readonly upperBytes: number | null
  /** ISO time; null where nobody knows. */
  readonly since: string | null
  readonly pid: number | null
}

/** Every mount of this user, the oldest first, and in the kernel's table those of others and dead ones. */
export function summarizeMounts(): MountSummary[] {
  const states = listMounts().map(({ state }) => state)
  const served = new Set(states.map(({ device }) => device))
  const others = readMounts().filter((entry) => isOurType(entry) && !served.has(entry.device))
  const servers = others.length === 0 ? new Map() : serversOf(new Set(others.map(({ device }) => device)))
  return [...states.map(summaryOf), ...others.map((entry) => otherSummary(entry, servers.get(entry.device) ?? null))]
}

function summaryOf({ mountpoint, config, since, pid }: MountState): MountSummary {
  const { image, names } = nameLayers(config.lowers, config.layerNames, config.snapshots)
  return {
    mountpoint: shown(mountpoint),
    state: 'serving',
    mode: config.readonly ? 'ro' : 'rw',
    image,
    layers: config.lowers.map((path, at) => ({ name: names[at]!, path: shown(path) })),
    upper: config.upper === null ? null : shown(config.upper),
    upperBytes: config.upper === null ? null : usedBelow(config.upper),
    since,
    pid,
  }
}

function otherSummary({ mountpoint }: MountEntry, server: Server | null): MountSummary {
  const state = server?.known?.state
  if (state !== undefined) return { ...summaryOf({ ...state, mountpoint }), state: 'elsewhere' }
  const nothing = { image: null, layers: [], upper: null, upperBytes: null, since: null }
  const seen = server === null ? 'dead' : 'elsewhere'
  return { mountpoint: shown(mountpoint), state: seen, mode: 'ro', ...nothing, pid: server?.pid ?? null }
}
