/** A mount that another process has left, as text and back: what it was made from. */
import { release } from 'node:os'
import type { EngineFacts } from '../control/inspect-document.js'
import { KeptMount } from '../keeper/kept-mount.js'
import type { TransportFacts } from '../mount/transport-choice.js'
import type { MountPlan } from '../options/mount-settings.js'
import type { ServiceVoice } from './service-voice.js'

export interface Legacy {
  readonly plan: MountPlan
  readonly transport: TransportFacts
  readonly kept: KeptMount
}

/** What the next process needs of a mount that is about to be made. */
export interface Keeping {
  readonly kept: KeptMount | null
  /** Why there is none; null: there is, or none was wanted. */
  readonly why: string | null
}

/** A mount that is to outlive its process only where that costs nobody anything says no word where it cannot. */
export function keptFor(
  plan: MountPlan,
  transport: TransportFacts,
  { mayBeFollowed = false }: Pick<ServiceVoice, 'mayBeFollowed'>,
): Keeping {
  const { recover } = plan.settings
  if (recover === 'off') return { kept: null, why: null }
  const why = obstacleOf(plan, transport, mayBeFollowed)
  if (why !== null) return { kept: null, why }
  const kept = KeptMount.create(JSON.stringify({ plan, transport }))
  return typeof kept === 'string' ? { kept: null, why: kept } : { kept, why: null }
}

function obstacleOf(
  { settings: { recover, engine, trace } }: MountPlan,
  transport: TransportFacts,
  mayBeFollowed: boolean,
): string | null {
  if (transport.name !== 'dev-fuse') return `the transport ${transport.name} cannot be handed over`
  if (engine === 'hybrid') return 'a kernel overlay above it cannot be handed over'
  if (!mayBeFollowed || trace) return 'it is served in the foreground'
  if (recover === 'auto' && !resends()) return 'this kernel sends nothing again (before Linux 6.9): recover=on'
  return null
}

/** Whether the kernel sends again what was not answered: since Linux 6.9. */
function resends(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number)
  return major > 6 || (major === 6 && minor >= 9)
}

/** What an engine tells of itself, where there is no keeper after all. */
export function asKept(facts: EngineFacts | null, { kept, why: before }: Keeping): EngineFacts | null {
  const why = kept?.obstacle ?? before
  return facts === null || why === null ? facts : { ...facts, recovery: { kind: 'none', why } }
}

/** What a keeper handed over; or why it cannot be served on. */
export function legacyOf(mount: number, fds: readonly number[]): Legacy | string {
  const adopted = KeptMount.adopt(mount, fds)
  if (typeof adopted === 'string') return adopted
  const { plan, transport } = JSON.parse(adopted.text) as Omit<Legacy, 'kept'>
  return { plan, transport, kept: adopted.kept }
}
