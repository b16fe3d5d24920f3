/** The mount that a process rehearses with while it waits to follow (src/daemon/engine/resume-serving.ts). */
import { StratafsError } from '../../base/failure.js'
import { packageRoot } from '../../base/package-files.js'
import type { EngineStart } from '../../daemon/engine/engine-messages.js'
import { KeptMount } from '../../daemon/keeper/kept-mount.js'
import { readMountWords } from './mount-fast-parse.js'
import { commandRequest, prepareMount } from './mount-request.js'

interface Rehearsal {
  readonly start: EngineStart
  /** Lets go of what it took. */
  end(): void
}

/** Of this program's own folder, which is only read; null where it cannot be had. */
export function rehearsal(): Rehearsal | null {
  const words = readMountWords(['--lower', packageRoot(), '-o', 'ro,recover=on,index=off', '/'])
  const prepared = words === null ? null : prepareMount(commandRequest(words, '/'))
  if (prepared === null || prepared instanceof StratafsError) return null
  const { plan } = prepared
  const kept = KeptMount.create(JSON.stringify({ plan }))
  if (typeof kept === 'string') return null
  const { timeout, trace, awake } = plan.settings
  const start = { config: plan.config, timeout, trace, awake, index: null, kept: kept.forEngine }
  return { start, end: () => kept.end() }
}
