/**
 * The hybrid engine: names and attributes of the lower layers, shown by an image of them, or by a union on a FUSE mount
 * that is attached nowhere; above it a kernel overlay with the upper, which takes content from the layers themselves.
 * What programs do with what they have written, and with what they have seen before, never comes to this process.
 */

import { errnoWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import type { Log } from '../../base/log.js'
import { shown } from '../../base/text.js'
import { defaultPrefix } from '../../layers/marks.js'
import { native } from '../../syscalls/native.js'
import type { UnionConfig } from '../../union/context/config.js'
import type { EngineHandle } from '../engine/engine-handle.js'
import { EngineThread } from '../engine/engine-thread.js'
import { openDevice } from '../mount/mounter.js'
import type { MountPlan } from '../options/mount-settings.js'
import { hybridObstacle } from './choose.js'
import { type DataRoots, dataRootsOf } from './data-roots.js'
import { HybridEngine } from './hybrid-engine.js'
import { makeLater } from './image/image-thread.js'
import { lowerConfig } from './lower-config.js'
import { type ImageOverlay, overlayOnImage } from './on-image.js'
import { attachMount, detachedFuse, detachedOverlay } from './overlay.js'
import { overlayOptions } from './overlay-options.js'
import { upperObstacle } from './upper-fit.js'

/** What is done without over an upper. */
const WITHOUT = [
  'hard links of lower files are split when one of them is changed',
  'inode numbers of files that were copied up change with a remount, and once the kernel has dropped the lower ones',
]

/** Builds the engine, mounts, serves; or says why this has to be engine=fuse, with nothing left. */
export async function startHybrid(
  plan: MountPlan,
  log: Log,
  trace: (line: string) => void,
): Promise<EngineHandle | StratafsError> {
  const obstacle = hybridObstacle(plan)
  if (obstacle !== null) return new StratafsError(obstacle, 'MOUNT_REFUSED')
  const { config } = plan
  const prefix = defaultPrefix(config.userxattr)
  const unfit = config.work === null ? null : upperObstacle(config.work)
  const roots = dataRootsOf([...config.lowers, ...(config.dataLowers ?? [])])
  if (typeof roots === 'number')
    return new StratafsError(`the layers' mounts cannot be cloned (${errnoWords(roots)})`, 'MOUNT_REFUSED')
  const started = await startOver({ plan, prefix, roots, unfit }, log, trace)
  for (const fd of roots.fds) native.close(fd)
  return started
}

interface HybridWish {
  readonly plan: MountPlan
  readonly prefix: string
  readonly roots: DataRoots
  /** Why the upper cannot lie over a lower without file handles; null: it can. */
  readonly unfit: string | null
}

async function startOver(
  wish: HybridWish,
  log: Log,
  trace: (line: string) => void,
): Promise<EngineHandle | StratafsError> {
  const { plan, prefix, roots, unfit } = wish
  const config = lowerConfig(plan.config, roots)
  const image = await overlayOnImage({ plan, config, prefix, data: roots.fds, unfit }, log)
  if ('overlay' in image) return startAbove(wish, config, image, log, trace)
  if (unfit !== null) return new StratafsError(unfit, 'MOUNT_REFUSED')
  const engine = await startUnion(plan, config, log, trace)
  if (engine instanceof StratafsError) return engine
  const refused = await attachBoth(plan, prefix, roots, engine)
  if (refused !== null) return abandoned(engine, refused)
  const options = overlayOptions(plan.config, prefix)
  const downgrades = plan.config.upper === null ? [] : WITHOUT
  const lower = { kind: 'fuse' as const, why: image.why }
  const facts = { lower, options, roots: roots.view.roots, downgrades, index: false }
  return new HybridEngine(engine, plan, facts, { giveUp: image.isDue ? makeLater(config, log) : undefined })
}

/** The union beside an overlay that stands on an image: it answers whoever asks about layers. */
async function startAbove(
  { plan, roots }: HybridWish,
  config: UnionConfig,
  image: ImageOverlay,
  log: Log,
  trace: (line: string) => void,
): Promise<EngineHandle | StratafsError> {
  const beside = { ...config, metadata: { ...config.metadata!, inImage: true } }
  const engine = await startUnion(plan, beside, log, trace)
  const errno = attachMount(image.overlay, plan.mountpoint, engine instanceof StratafsError)
  const refused = engine instanceof StratafsError ? engine : errno < 0 ? unattached(plan, errno) : null
  if (refused !== null || engine instanceof StratafsError) {
    image.forget()
    return engine instanceof StratafsError ? engine : abandoned(engine, refused!)
  }
  const downgrades = image.index || plan.config.upper === null ? [] : WITHOUT
  const lower = { kind: 'image' as const, why: shown(image.path) }
  const facts = { lower, options: image.options, roots: roots.view.roots, downgrades, index: image.index }
  return new HybridEngine(engine, plan, facts, { gone: image.gone })
}

async function abandoned(engine: EngineThread, refused: StratafsError): Promise<StratafsError> {
  engine.stop()
  await engine.ended
  return refused
}

function startUnion(
  { settings: { timeout, trace: traced, awake }, mountpoint }: MountPlan,
  config: UnionConfig,
  log: Log,
  trace: (line: string) => void,
): Promise<EngineThread | StratafsError> {
  return EngineThread.start({ config, timeout, trace: traced, awake, mountpoint, kept: null }, log, trace)
}

/** Null, or why there is no overlay on the mountpoint. */
async function attachBoth(
  plan: MountPlan,
  prefix: string,
  roots: DataRoots,
  engine: EngineThread,
): Promise<StratafsError | null> {
  const device = openDevice()
  if (typeof device !== 'number') return device
  const lower = detachedFuse(device)
  if (typeof lower !== 'number') {
    native.close(device)
    return lower
  }
  if (!(await engine.serve(device))) {
    native.close(lower)
    return new StratafsError('the engine ended before it served: see the log', 'MOUNT_REFUSED')
  }
  const steps = overlayOptions(plan.config, prefix)
  const overlay = detachedOverlay(plan, { lower, data: roots.fds, steps })
  native.close(lower)
  if (typeof overlay !== 'number') return overlay
  const errno = attachMount(overlay, plan.mountpoint)
  return errno < 0 ? unattached(plan, errno) : null
}

function unattached({ mountpoint }: MountPlan, errno: number): StratafsError {
  return new StratafsError(`cannot mount on ${shown(mountpoint)}: ${errnoWords(errno)}`, 'MOUNT_REFUSED')
}
