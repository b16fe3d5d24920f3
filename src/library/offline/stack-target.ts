/**
 * What a command is about: the layers of a mount, or layers that are named. A mount's state tells its layers and its
 * workdir, where its index lies. For named layers the index is in the workdir that is named. Without one it is the
 * index that every mount over these layers shares.
 */

import { StratafsError } from '../../base/failure.js'
import { askDaemon } from '../../daemon/control/control-client.js'
import type { InspectDocument } from '../../daemon/control/inspect-document.js'
import { resolveDir } from '../../daemon/mount/directories.js'
import type { FoundMount } from '../../daemon/mount/run-directory.js'
import { defaultPrefix, redirectsOffline, USER_MARKS } from '../../layers/marks.js'
import { trapsOf } from '../../layers/traps.js'
import { type LowerStackConfig, sharedIndex, stackConfig, workdirIndex } from '../../owner-index/api.js'
import { redirectsUnder } from '../../union/context/config.js'
import type { PlainLayers } from './layer-reader.js'

export interface StackTarget {
  readonly layers: PlainLayers
  readonly stack: LowerStackConfig
  /** The database. */
  readonly index: string
  /** It is the shared one. */
  readonly shared: boolean
  readonly mount: FoundMount | null
}

/** The layers of a mount. */
export async function mountTarget(mount: FoundMount): Promise<StackTarget | StratafsError> {
  const { lowers, dataLowers = [], upper, work } = mount.state.config
  const userxattr = await usesUserMarks(mount)
  const { redirectDir } = redirectsUnder(mount.state.config, defaultPrefix(userxattr))
  return target({ lowers, dataLowers, upper, work, userxattr, redirectDir }, mount)
}

/**
 * Layers that are named, absolute. They are resolved as a mount resolves them: an index is about layers under one path.
 * `gone`: what does not exist any more is taken as it is named, for the database alone is asked about.
 */
export function plainTarget(
  lowers: readonly string[],
  upper: string | null,
  work: string | null,
  gone = false,
): StackTarget | StratafsError {
  const refused: StratafsError[] = []
  const resolved = (option: string, path: string): string => {
    const place = resolveDir(option, path)
    if (!(place instanceof StratafsError)) return place.path
    if (!gone) refused.push(place)
    return path
  }
  const layers = {
    lowers: lowers.map((path) => resolved('lowerdir', path)),
    upper: upper === null ? null : resolved('upperdir', upper),
    work: work === null ? null : resolved('workdir', work),
    userxattr: null,
    redirectDir: redirectsOffline(defaultPrefix(null)),
  }
  return refused[0] ?? target(layers, null)
}

function target(layers: PlainLayers, mount: FoundMount | null): StackTarget | StratafsError {
  const stack = {
    ...stackConfig(layers.lowers, layers.userxattr, layers.redirectDir),
    leadsBelow: (layers.dataLowers ?? []).length > 0,
    traps: trapsOf([layers.upper, layers.work]),
  }
  const shared = layers.work === null
  const index = layers.work === null ? sharedIndex(stack) : workdirIndex(layers.work)
  return typeof index === 'string' ? { layers, stack, index, shared, mount } : index
}

/** Which marks the mount reads: what was found out when it began. */
async function usesUserMarks({ socket, state }: FoundMount): Promise<boolean | null> {
  const reply = await askDaemon(socket, { command: 'inspect' })
  const engine = reply.ok ? (reply.result as InspectDocument).Engine : null
  return engine === null ? state.config.userxattr : engine.Marks === USER_MARKS
}
