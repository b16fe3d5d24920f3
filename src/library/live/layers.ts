/** The library's functions for the lower layers of a mount in use: put some on top, take some out, replace one. */
import { StratafsError } from '../../base/failure.js'
import { fromText, printable, shown } from '../../base/text.js'
import { askDaemon } from '../../daemon/control/control-client.js'
import { findMount } from '../../daemon/control/find-mount.js'
import type { LayersChanged } from '../../daemon/control/layer-documents.js'
import type { FoundMount } from '../../daemon/mount/run-directory.js'
import { nameLayers } from '../layer-names.js'
import { absolute, type Path, resolved, toBytes, toText, unwrap } from '../paths.js'

export type { LayersChanged } from '../../daemon/control/layer-documents.js'

export interface AddLayersOptions {
  /** What they are called, one for each; `''`: as their path ends. */
  readonly names?: readonly string[] | undefined
}

/** A layer as it is to be: an absolute path and a name, both latin1. */
interface Layer {
  readonly path: string
  readonly name: string
}

/** Reading what an upper has of a layer takes as long as a walk through it. */
const PATIENCE_MS = 600_000

/** Puts `layers`, the topmost first, on top of the lower layers of the mount on `mountpoint`. */
export async function addLayers(
  mountpoint: Path,
  layers: readonly Path[],
  { names = [] }: AddLayersOptions = {},
): Promise<LayersChanged> {
  const added = layers.map((path, at) => ({ path: resolved(path), name: fromText(names[at] ?? '') }))
  return change(mountpoint, (present) => [...added, ...present])
}

/**
 * Takes `layers` out, each a path or a name as `which` tells it. Throws where a file that is open, or was copied up in
 * part, needs one.
 */
export async function removeLayers(mountpoint: Path, layers: readonly Path[]): Promise<LayersChanged> {
  return change(mountpoint, (present, find) => {
    const going = new Set(layers.map(find))
    return present.filter((_, at) => !going.has(at))
  })
}

/** Puts `by` in the place of `layer`, in one step. Throws as `removeLayers` does. */
export async function replaceLayer(mountpoint: Path, layer: Path, by: Path, name = ''): Promise<LayersChanged> {
  return change(mountpoint, (present, find) => present.with(find(layer), { path: resolved(by), name: fromText(name) }))
}

async function change(
  mountpoint: Path,
  wanted: (present: readonly Layer[], find: (layer: Path) => number) => readonly Layer[],
): Promise<LayersChanged> {
  const { socket, state } = daemonOf(mountpoint)
  const { lowers, layerNames = [], snapshots } = state.config
  const present = lowers.map((path, at) => ({ path, name: layerNames[at] ?? '' }))
  const { names } = nameLayers(lowers, layerNames, snapshots)
  const layers = wanted(present, (layer) => positionOf(layer, lowers, names))
  const request = {
    command: 'layers',
    from: lowers,
    lowers: layers.map(({ path }) => path),
    layerNames: layers.map(({ name }) => name),
  } as const
  const reply = await askDaemon(socket, request, PATIENCE_MS)
  if (reply.ok) return reply.result as LayersChanged
  throw new StratafsError(`the layers of ${toText(mountpoint)} stay as they are: ${reply.error}`)
}

function positionOf(layer: Path, lowers: readonly string[], names: readonly string[]): number {
  const given = toBytes(layer)
  const named = names.flatMap((name, at) => (name === shown(given) || `lower ${at}` === given ? [at] : []))
  const path = resolved(layer)
  const at = lowers.findIndex((each) => each === path || each === absolute(layer))
  if (at >= 0) return at
  if (named.length === 1) return named[0]!
  const what = named.length > 1 ? `several layers are called ${printable(shown(given))}` : `no such lower layer`
  throw new StratafsError(`${what}: ${printable(shown(given))}`, 'NOT_FOUND', '`stratafs inspect` shows their paths')
}

/** Throws StratafsError where nobody serves it. */
function daemonOf(mountpoint: Path): FoundMount {
  const { daemon } = unwrap(findMount(absolute(mountpoint)), 'NOT_A_MOUNT')
  if (daemon !== null) return daemon
  throw new StratafsError(`${toText(mountpoint)}: its daemon is dead or another user’s`, 'DAEMON_DEAD')
}
