/** An engine's state, where it outlives the process. */
import type { Union } from './context/union.js'
import { Ledger } from './state/ledger.js'
import type { StateMemory } from './state/memory.js'

/** What outlives the process: memory, and the two ends of the socket in which descriptors are parked. */
export interface KeptState {
  readonly memory: StateMemory
  readonly into: number
  readonly from: number
}

/** What the kernel is told by `u` is kept there. */
export function keep(u: Union, { memory, into, from }: KeptState): void {
  const lost = (errno: number): void =>
    u.log('warn', 'files without a name are lost should this process die: none can be kept', { errno })
  u.nodes.ledger = new Ledger(memory, { into, from }, lost)
  if (!u.config.resumed) memory.nextId = u.root.id + 1
}
