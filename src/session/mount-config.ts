/** What a mount's session is told: the same with an engine, and where none is needed yet (daemon/deferred). */
import type { DataChoices } from '../protocol/init.js'
import type { SessionConfig } from './context.js'

/** Room for the largest WRITE (1 MiB) and its headers. */
export const BUFFER_BYTES = (1 << 20) + 4096

/** What of a mount's options matters here. */
interface MountChoices {
  /** Seconds for which the kernel may believe an answer; null: for ever. */
  readonly timeout: number | null
  readonly acl: boolean
  /** A kernel overlay lies above. */
  readonly overlaid: boolean
}

export function sessionConfig(
  { timeout, acl, overlaid }: MountChoices,
  data: DataChoices,
  more: Pick<SessionConfig, 'resends' | 'agreed'>,
): SessionConfig {
  const seconds = timeout ?? Number.POSITIVE_INFINITY
  return {
    entryTimeout: seconds,
    attrTimeout: seconds,
    negativeTimeout: seconds,
    acl,
    directIo: false,
    data,
    readdirplus: 'on',
    overlaid,
    ...more,
  }
}
