/**
 * The hybrid engine: a union of the lower layers that shows names and attributes, on a FUSE mount that is attached
 * nowhere; above it a kernel overlay with the upper, which takes content from the layers themselves. What programs do
 * with what they have written, and with what they have seen before, never comes to this process.
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
  if (unfit !== null) return new StratafsError(unfit, 'MOUNT_REFUSED')
  const roots = dataRootsOf([...config.lowers, ...(config.dataLowers ?? [])])
  if (typeof roots === 'number')
    return new StratafsError(`the layers' mounts cannot be cloned (${errnoWords(roots)})`, 'MOUNT_REFUSED')
  const started = await startOver(plan, prefix, roots, log, trace)
  for (const fd of roots.fds) native.close(fd)
  return started
}

async function startOver(
  plan: MountPlan,
  prefix: string,
  roots: DataRoots,
  log: Log,
  trace: (line: string) => void,
): Promise<EngineHandle | StratafsError> {
  const { timeout, trace: traced, awake } = plan.settings
  const config = lowerConfig(plan.config, roots)
  const start = { config, timeout, trace: traced, awake, mountpoint: plan.mountpoint, kept: null }
  const engine = await EngineThread.start(start, log, trace)
  if (engine instanceof StratafsError) return engine
  const refused = await attachBoth(plan, prefix, roots, engine)
  if (refused !== null) {
    engine.stop()
    await engine.ended
    return refused
  }
  const options = overlayOptions(plan.config, prefix)
  const downgrades = plan.config.upper === null ? [] : WITHOUT
  return new HybridEngine(engine, plan, { options, roots: roots.view.roots, downgrades })
}

/** What the union below is made of: it writes nothing, and leaves content to the overlay. */
function lowerConfig(config: UnionConfig, { view }: DataRoots): UnionConfig {
  const avoid = [config.upper, config.work].filter((path) => path !== null)
  return {
    ...config,
    upper: null,
    work: null,
    readonly: true,
    data: 'cached',
    verity: false,
    avoid,
    metadata: view,
  }
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
  return errno < 0
    ? new StratafsError(`cannot mount on ${shown(plan.mountpoint)}: ${errnoWords(errno)}`, 'MOUNT_REFUSED')
    : null
}
