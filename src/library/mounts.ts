/**
 * The mounts there are, as a list shows them: from the state files and the kernel's table alone, so that one that does
 * not answer is listed as fast as any other. Only the size of an upper is read from it.
 */
import { shown } from '../base/text.js'
import { isOurType, readMounts } from '../daemon/mount/mountinfo.js'
import { listMounts, type MountState } from '../daemon/mount/run-directory.js'
import { nameLayers } from './layer-names.js'
import { usedBelow } from './offline/layer-space.js'

export interface MountSummary {
  readonly mountpoint: string
  /** `dead`: in the kernel's table, and served by no daemon of this user. */
  readonly state: 'serving' | 'dead'
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

/** Every mount of this user, the oldest first, and the dead ones in the kernel's table. */
export function summarizeMounts(): MountSummary[] {
  const states = listMounts().map(({ state }) => state)
  const served = new Set(states.map(({ device }) => device))
  const dead = readMounts().filter((entry) => isOurType(entry) && !served.has(entry.device))
  return [...states.map(summaryOf), ...dead.map(({ mountpoint }) => deadSummary(mountpoint))]
}

function summaryOf({ mountpoint, config, since, pid }: MountState): MountSummary {
  const { image, names } = nameLayers(config.lowers, config.layerNames)
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

function deadSummary(mountpoint: string): MountSummary {
  const nothing = { image: null, layers: [], upper: null, upperBytes: null, since: null, pid: null }
  return { mountpoint: shown(mountpoint), state: 'dead', mode: 'ro', ...nothing }
}
