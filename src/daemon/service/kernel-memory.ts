/** What the kernel knows of a mount, and is told to forget. */
import { EPOCH_MINOR } from '../../protocol/notifications.js'
import type { EngineHandle } from '../engine/engine-handle.js'

/** Whether the kernel forgets all at once, which takes as long for many names as for a few. */
export async function hasEpochs(engine: EngineHandle): Promise<boolean> {
  const facts = (await engine.ask({ what: 'describe' }, true)) as { protocol?: string | null } | null
  return Number(facts?.protocol?.split('.')[1] ?? 0) >= EPOCH_MINOR
}

/** Sends `messages`, one after the other. */
export async function notifyAll(engine: EngineHandle, messages: Iterable<Uint8Array>): Promise<void> {
  for (const message of messages) await engine.notify?.(message)
}
