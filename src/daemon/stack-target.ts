/**
 * What a command is about: the layers of a mount, or layers that are named. From a mount's state come its layers, its workdir and
 * with them the place of its index; for named ones the index is in the workdir that is named, else the one that every
 * mount over these layers shares.
 */
import { type StackConfig, sharedIndex, stackConfig, workdirIndex } from '../index/api.js'
import { USER_MARKS } from '../layers/marks.js'
import type { UnionConfig } from '../union/config.js'
import { askDaemon } from './control-client.js'
import type { InspectDocument } from './inspect-document.js'
import type { PlainLayers } from './layer-reader.js'
import { findPlace, type Place, type Refused } from './places.js'
import type { FoundMount } from './run-directory.js'

export interface StackTarget {
  readonly layers: PlainLayers
  readonly stack: StackConfig
  /** The database. */
  readonly index: string
  /** It is the shared one. */
  readonly shared: boolean
  readonly mount: FoundMount | null
}

/** The layers of a mount. */
export async function mountTarget(mount: FoundMount): Promise<StackTarget | Refused> {
  const { lowers, upper, work, redirectDir } = mount.state.config
  const userxattr = await usesUserMarks(mount)
  return target({ lowers, upper, work, userxattr, redirectDir }, mount)
}

/** Layers that are named, absolute. They are resolved as a mount resolves them: an index is about layers under one path. */
export function plainTarget(
  lowers: readonly string[],
  upper: string | null,
  work: string | null,
  redirectDir: UnionConfig['redirectDir'] = 'on',
): StackTarget | Refused {
  const places = [
    ...lowers.map((path) => findPlace('lowerdir', path)),
    placeOf('upperdir', upper),
    placeOf('workdir', work),
  ]
  const paths: (string | null)[] = []
  for (const place of places) {
    if (place !== null && 'error' in place) return place
    paths.push(place?.path ?? null)
  }
  const [upperPath, workPath] = paths.splice(-2) as [string | null, string | null]
  const layers = { lowers: paths as string[], upper: upperPath, work: workPath, userxattr: null, redirectDir }
  return target(layers, null)
}

function placeOf(option: string, path: string | null): Place | Refused | null {
  return path === null ? null : findPlace(option, path)
}

function target(layers: PlainLayers, mount: FoundMount | null): StackTarget | Refused {
  const stack = stackConfig(layers.lowers, layers.userxattr, layers.redirectDir)
  const shared = layers.work === null
  const index = layers.work === null ? sharedIndex(stack) : workdirIndex(layers.work)
  return typeof index === 'string' ? { layers, stack, index, shared, mount } : index
}

/** Which marks the mount reads: what was found out when it began. */
async function usesUserMarks({ socket, state }: FoundMount): Promise<boolean | null> {
  const reply = await askDaemon(socket, { command: 'inspect' })
  const engine = reply.ok ? (reply.result as InspectDocument).Engine : null
  return engine === null ? state.config.userxattr : engine.marks === USER_MARKS
}
