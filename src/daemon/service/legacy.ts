/** A mount that another process has left, as text and back: what it was made from. */
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

/** What the next process needs of a mount that is about to be made; or why there is none; null: none is wanted. */
export function keptFor(
  plan: MountPlan,
  transport: TransportFacts,
  { mayBeFollowed = false }: Pick<ServiceVoice, 'mayBeFollowed'>,
): KeptMount | string | null {
  const { recover, engine, trace } = plan.settings
  if (!recover) return null
  if (transport.name !== 'dev-fuse') return `the transport ${transport.name} cannot be handed over`
  if (engine === 'hybrid') return 'a kernel overlay above it cannot be handed over'
  if (!mayBeFollowed || trace) return 'it is served in the foreground'
  return KeptMount.create(JSON.stringify({ plan, transport }))
}

/** What an engine tells of itself, where there is no keeper after all. */
export function asKept(facts: EngineFacts | null, kept: KeptMount | null): EngineFacts | null {
  const why = kept?.obstacle ?? null
  return facts === null || why === null ? facts : { ...facts, recovery: { kind: 'none', why } }
}

/** What a keeper handed over; or why it cannot be served on. */
export function legacyOf(mount: number, fds: readonly number[]): Legacy | string {
  const adopted = KeptMount.adopt(mount, fds)
  if (typeof adopted === 'string') return adopted
  const { plan, transport } = JSON.parse(adopted.text) as Omit<Legacy, 'kept'>
  return { plan, transport, kept: adopted.kept }
}
