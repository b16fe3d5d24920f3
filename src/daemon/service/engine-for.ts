/** The engine that a mount asks for, or the one that it gets instead. */
import { StratafsError } from '../../base/failure.js'
import type { Logger } from '../../base/log.js'
import type { EngineHandle } from '../engine/engine-handle.js'
import { type Keeping, startEngine } from '../engine/start-engine.js'
import type { MountPlan } from '../options/mount-settings.js'

export async function engineFor(
  plan: MountPlan,
  { log }: Logger,
  trace: (line: string) => void,
  keeping: Keeping | null,
): Promise<{ engine: EngineHandle; why: string | null } | StratafsError> {
  if (plan.settings.engine === 'hybrid') {
    const { startChosen } = await import('../hybrid/start-chosen.js')
    return startChosen(plan, log, trace)
  }
  const engine = await startEngine(plan, log, trace, keeping)
  return engine instanceof StratafsError ? engine : { engine, why: null }
}
