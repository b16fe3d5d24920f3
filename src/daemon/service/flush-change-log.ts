/** Brings the change log of a mount to its database, for who is about to read it there. */
import type { ControlReply } from '../control/control-protocol.js'
import type { EngineHandle } from '../engine/engine-handle.js'

/** Where the log is; what happened until now is in it. */
export async function flushChangeLog(engine: EngineHandle): Promise<ControlReply> {
  const { index } = engine
  const answer = (await engine.ask({ what: 'changelog' })) as { told: number | null } | null
  if (index === null || answer?.told == null)
    return { ok: false, error: 'this mount has no change log: mount it with -o changelog=1' }
  if (!(await index.hasLogged(answer.told))) return { ok: false, error: 'the change log cannot be written now' }
  return { ok: true, result: { path: index.facts.path } }
}
