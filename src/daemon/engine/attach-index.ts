/**
 * Joins an engine and its index of owners, on the thread that the engine runs on. A mount without a workdir only uses
 * what others have found out about its layers.
 */
import { existsSync } from 'node:fs'
import { pathBytes, shown } from '../../base/text.js'
import type { Engine } from '../../operations/engine.js'
import { Slot, State, type ToWriter } from '../../owner-index/database/shared-state.js'
import { sharedPath } from '../../owner-index/database/stack-identity.js'
import { ChangeRecorder } from '../../owner-index/engine/change-recorder.js'
import { LowerIndex } from '../../owner-index/engine/lower-index.js'
import type { LogFunction } from '../../union/context/union.js'
import type { EngineIndex } from './engine-messages.js'

/** From now on `engine` tells its changes to whoever writes `index`; null where no change log is wanted, or can be. */
export function joinChangeLog(engine: Engine, index: EngineIndex | null, wanted: boolean): ChangeRecorder | null {
  const { port, shared } = index ?? { port: null, shared: null }
  if (!wanted) return null
  if (port === null || shared === null) {
    engine.downgrade('changelog=1 is without effect: the mount writes no index')
    return null
  }
  const recorder = new ChangeRecorder({ shared, post: (message) => port.postMessage(message) })
  engine.useChangeLog(recorder)
  return recorder
}

/** From now on `engine` asks `index`; null: there is none. */
export function joinIndex(engine: Engine, index: EngineIndex | null, log: LogFunction): void {
  if (index === null || index.logOnly) return
  const identity = index.path === null ? engine.identity() : null
  const path = index.path ?? sharedPath(identity as string)
  if (index.path === null && !existsSync(pathBytes(path))) return
  if (index.path === null) Atomics.store(index.shared, Slot.STATE, State.READY)
  const { immutable, shared, since } = index
  const post = (message: ToWriter): void => index.port?.postMessage(message)
  const edited = (layer: number, at: string): void =>
    log('warn', 'a lower layer was edited since the index was filled', { layer, first: shown(at) })
  engine.useIndex(new LowerIndex({ path, identity, immutable, shared, since, post, edited }))
}
