/** The end of a mount's owner index, when the mount stands on other layers than it was made for. */
import { removeDatabase } from '../../owner-index/database/in-use.js'
import type { SnapshotMount } from './snapshot-drain.js'

/** `why`: what is said of it. */
export async function endIndex({ engine, state }: SnapshotMount, why: string): Promise<void> {
  const { index } = engine
  const { work } = state().config
  if (index === null || index.facts.state === 'none') return
  index.facts = { ...index.facts, state: 'none', downgrade: why }
  // The engine has told its writer that the change log goes on.
  if (state().config.index === 'log') return index.keepLog()
  await index.finish(true)
  if (index.forEngine.path !== null && work !== null) removeDatabase(`${work}/index.db`)
}
