/**
 * The hybrid engine: a union of the lower layers that shows names and attributes, on a FUSE mount that is attached
 * nowhere; above it a kernel overlay with the upper, which takes content from the layers themselves. What programs do
 * with what they have written, and with what they have seen before, never comes to this process.
 */

import { errnoWords } from '../../base/errno-words.js'
import type { Log } from '../../base/log.js'
import { shown } from '../../base/text.js'
import { defaultPrefix, USER_MARKS } from '../../layers/marks.js'
import { native } from '../../syscalls/native.js'
import type { UnionConfig } from '../../union/context/config.js'
import type { EngineHandle } from '../engine/engine-handle.js'
import { EngineThread } from '../engine/engine-thread.js'
import type { Refused } from '../mount/directories.js'
import { openDevice } from '../mount/mounter.js'
import type { MountPlan } from '../options/mount-settings.js'
import { hybridObstacle } from './choose.js'
import { type DataRoots, dataRootsOf } from './data-roots.js'
import { HybridEngine, type HybridFacts } from './hybrid-engine.js'
import { attachMount, detachedFuse, detachedOverlay } from './overlay.js'
import { overlayOptions } from './overlay-options.js'
import { fitUpper, handlesLast } from './upper-fit.js'

const NUMBERS =
  'inode numbers of files that were copied up change with a remount, and where the kernel forgot the lower ones'
const INDEX_OFF = 'handles of these layers do not last: hard links of lower layers are split by a change'

/** Builds the engine, mounts, serves; or says why this has to be engine=fuse, with nothing left. */
export async function startHybrid(
  plan: MountPlan,
  log: Log,
  trace: (line: string) => void,
): Promise<EngineHandle | Refused> {
  const obstacle = hybridObstacle(plan)
  if (obstacle !== null) return { error: obstacle }
  const { config } = plan
  const prefix = defaultPrefix(config.userxattr)
  const index = config.upper !== null && prefix !== USER_MARKS && config.lowers.every(handlesLast)
  const unfit = config.upper === null ? null : fitUpper(config.upper, config.work!, prefix, index)
  if (unfit !== null) return unfit
  const roots = dataRootsOf([...config.lowers, ...(config.dataLowers ?? [])])
  if (typeof roots === 'number') return { error: `the layers' mounts cannot be cloned (${errnoWords(roots)})` }
  const started = await startOver(plan, { prefix, index }, roots, log, trace)
  for (const fd of roots.fds) native.close(fd)
  return started
}

type Terms = Pick<HybridFacts, 'prefix' | 'index'>

async function startOver(
  plan: MountPlan,
  terms: Terms,
  roots: DataRoots,
  log: Log,
  trace: (line: string) => void,
): Promise<EngineHandle | Refused> {
  const { timeout, trace: traced, awake } = plan.settings
  const config = lowerConfig(plan.config, roots)
  const start = { config, timeout, trace: traced, awake, mountpoint: plan.mountpoint }
  const engine = await EngineThread.start(start, log, trace)
  if ('error' in engine) return engine
  const refused = await attachBoth(plan, terms, roots, engine)
  if (refused !== null) {
    engine.stop()
    await engine.ended
    return refused
  }
  const options = overlayOptions(plan.config, terms.prefix, terms.index)
  const downgrades = plan.config.upper === null ? [] : terms.index ? [NUMBERS] : [NUMBERS, INDEX_OFF]
  return new HybridEngine(engine, plan, { ...terms, options, roots: roots.view.roots, downgrades })
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
  terms: Terms,
  roots: DataRoots,
  engine: EngineThread,
): Promise<Refused | null> {
  const device = openDevice()
  if (typeof device !== 'number') return device
  const lower = detachedFuse(device)
  if (typeof lower !== 'number') {
    native.close(device)
    return lower
  }
  if (!(await engine.serve(device))) {
    native.close(lower)
    return { error: 'the engine ended before it served: see the log' }
  }
  const steps = overlayOptions(plan.config, terms.prefix, terms.index)
  const overlay = detachedOverlay(plan, { lower, data: roots.fds, steps })
  native.close(lower)
  await engine.ask({ what: 'overlaid' })
  if (typeof overlay !== 'number') return overlay
  const errno = attachMount(overlay, plan.mountpoint)
  return errno < 0 ? { error: `cannot mount on ${shown(plan.mountpoint)}: ${errnoWords(errno)}` } : null
}
