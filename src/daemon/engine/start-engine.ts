/**
 * From a checked plan to an engine that serves a mount: by the transport that was chosen, with everything taken back
 * when one of the steps fails.
 */
import { StratafsError } from '../../base/failure.js'
import type { Log } from '../../base/log.js'
import type { KeptMount } from '../keeper/kept-mount.js'
import { attach, detach } from '../mount/mounter.js'
import type { MountPlan } from '../options/mount-settings.js'
import type { EngineHandle } from './engine-handle.js'
import { EngineThread } from './engine-thread.js'

/** What shall outlive this process. */
export interface Keeping {
  readonly kept: KeptMount
  /** Descriptors that hold locks. */
  readonly locks: readonly number[]
}

/** Builds the engine, mounts, serves; or says why not, with nothing left. */
export async function startEngine(
  plan: MountPlan,
  log: Log,
  trace: (line: string) => void,
  keeping: Keeping | null = null,
): Promise<EngineHandle | StratafsError> {
  if (plan.settings.transport !== 'fuse-native') return onThread(plan, log, trace, keeping)
  const { EngineHere } = await import('./engine-in-process.js')
  return EngineHere.start(plan, log, trace)
}

async function onThread(
  plan: MountPlan,
  log: Log,
  trace: (line: string) => void,
  keeping: Keeping | null,
): Promise<EngineHandle | StratafsError> {
  const { config, settings, mountpoint } = plan
  const { timeout, trace: traced, awake } = settings
  const kept = keeping?.kept.forEngine ?? null
  const told = kept?.resumed ? { ...config, resumed: true } : config
  const device = kept?.resumed ? keeping!.kept.device : undefined
  const start = { config: told, timeout, trace: traced, awake, mountpoint, kept, device }
  const engine = await EngineThread.start(start, log, trace)
  if (engine instanceof StratafsError) return engine
  const { begun = null } = plan
  const attached = begun ?? (keeping?.kept.resumed ? { fd: keeping.kept.takeDevice() } : attach(plan))
  if (attached instanceof StratafsError) {
    engine.stop()
    await engine.ended
    return attached
  }
  if (begun !== null) begun.isTaken = true
  const unkept = keeping?.kept.hold(attached.fd, keeping.locks) ?? null
  if (unkept !== null) log('warn', `the mount ends with this process: ${unkept}`)
  if (await engine.serve(attached.fd, begun)) return engine
  detach(mountpoint, true)
  await engine.ended
  return new StratafsError('the engine ended before it served', 'MOUNT_REFUSED', 'see the log')
}
