/** The hybrid engine where it can be had, else the FUSE engine, with the reason for whoever mounts. */
import { StratafsError } from '../../base/failure.js'
import type { Log } from '../../base/log.js'
import type { EngineHandle } from '../engine/engine-handle.js'
import { startEngine } from '../engine/start-engine.js'
import type { MountPlan } from '../options/mount-settings.js'
import { startHybrid } from './start-hybrid.js'

/** An engine that serves; `why`: it is not the one that was asked for. */
export interface ChosenEngine {
  readonly engine: EngineHandle
  readonly why: string | null
}

/** Builds the engine, mounts, serves; or says why not, with nothing left. */
export async function startChosen(
  plan: MountPlan,
  log: Log,
  trace: (line: string) => void,
): Promise<ChosenEngine | StratafsError> {
  const hybrid = await startHybrid(plan, log, trace)
  if (!(hybrid instanceof StratafsError)) return { engine: hybrid, why: null }
  const engine = await startEngine(plan, log, trace)
  if (engine instanceof StratafsError) return engine
  return { engine, why: `engine=fuse, for engine=hybrid is not to be had: ${hybrid.message}` }
}
