/** What a mount's control socket tells of its engine: how much it has done, and what becomes of its index. */
import type { ControlReply } from '../control/control-protocol.js'
import type { EngineHandle } from '../engine/engine-handle.js'

export async function countersOf(engine: EngineHandle): Promise<ControlReply> {
  const counters = (await engine.ask({ what: 'counters' })) as Record<string, unknown> | null
  if (counters === null) return { ok: false, error: 'the engine is busy or has ended' }
  const { state = 'off', complete = false } = engine.index?.facts ?? {}
  return { ok: true, result: { ...counters, index: { state, complete, ...(counters.index as object | null) } } }
}

export function tellIndex({ index }: EngineHandle, action: 'fill' | 'drop'): ControlReply {
  if (index === null) return { ok: false, error: 'this mount has no index (index=off)' }
  const told = action === 'fill' ? index.fill() : index.drop()
  return told
    ? { ok: true, result: index.facts }
    : { ok: false, error: 'this mount writes no index: it has no workdir' }
}
