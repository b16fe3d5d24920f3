/**
 * One mount, in the foreground or not: its signals, its log, and the exit code.
 */

import { setFlagsFromString } from 'node:v8'
import { StratafsError } from '../../base/failure.js'
import type { Logger } from '../../base/log.js'
import { shown } from '../../base/text.js'
import { mountAgain } from '../hybrid/again.js'
import type { Waiter } from '../mount/lock-wait.js'
import type { MountPlan } from '../options/mount-settings.js'
import type { Legacy } from '../service/legacy.js'
import { MountService } from '../service/mount-service.js'
import { nameProcess } from './process-name.js'
import { processSignals } from './process-signals.js'

/**
 * By how much the heap may grow before it is collected: V8 lets it double and more, for speed that a daemon does not
 * need, and a walk over a million entries left hundreds of megabytes of garbage
 * (docs/decisions/0014-what-a-mount-costs-to-start.md).
 */
const SMALL_HEAP = '--heap-growing-percent=50'
/** By then every module is there: V8 refuses code that was kept under other flags, and compiles it anew. */
const LOADED_MS = 2_000
/** The first requests are answered by then. */
const NAMED_MS = 1_000

/** A mount that serves: where, and what whoever mounted has to know at once. */
export interface Served {
  readonly mountpoint: string
  readonly notice: string | null
}

export interface DaemonVoice {
  /** Hears what the mount waits for. */
  readonly waiter: Waiter
  readonly logger: Logger
  /** What was ignored among the options. */
  readonly warnings: readonly string[]
  /** One traced request or reply. */
  trace(line: string): void
  /** Told once: the mount serves, or why there is none. An answer of false takes the mount away again. */
  ready(outcome: Served | StratafsError): Promise<boolean>
  /** Told once when a signal asks for the end. */
  ending?(): void
  /** Told once, with the exit code, when all is released and before nobody finds the mount any more. */
  readonly over?: ((code: number) => void) | undefined
  /** This process is in the background: another one may follow it. */
  readonly mayBeFollowed?: boolean
  /** The mount is served on. */
  readonly legacy?: Legacy | undefined
}

/** Serves until the mount is gone. The exit code of a process that has no other. */
export async function runDaemon(plan: MountPlan, voice: DaemonVoice): Promise<number> {
  const { logger } = voice
  const signals = listenToSignals(voice)
  const isWanted = (): boolean => processSignals.asked === 0 && voice.waiter.isWanted()
  const waiter = { say: voice.waiter.say, isWanted }
  const { over, legacy, mayBeFollowed = false } = voice
  const told = { logger, trace: (line: string) => voice.trace(line), waiter, over, mayBeFollowed }
  const service = await (legacy === undefined ? MountService.start(plan, told) : MountService.resume(legacy, told))
  if (service instanceof StratafsError) {
    signals.forget()
    const again = mayBeFollowed && service.code === 'IN_USE' ? mountAgain(plan) : null
    await voice.ready(again === null ? service : { mountpoint: again, notice: null })
    return again === null ? 1 : 0
  }
  const { mountpoint, device, config } = service.state
  signals.serve(service)
  const heard = voice.ready({ mountpoint, notice: service.notice })
  // The log can wait until whoever mounted goes on.
  for (const warning of voice.warnings) logger.log('warn', warning)
  logger.log('info', 'mounted', { mountpoint: shown(mountpoint), device, layers: config.lowers.length })
  const wanted = await heard
  setTimeout(nameProcess, NAMED_MS).unref()
  setTimeout(() => setFlagsFromString(SMALL_HEAP), LOADED_MS).unref()
  if (!wanted) await service.stop()
  const code = await service.ended
  signals.forget()
  return wanted ? code : 1
}

/** What is asked before the mount stands is done when it does. */
function listenToSignals(voice: DaemonVoice): { serve(service: MountService): void; forget(): void } {
  const { logger } = voice
  let serving: MountService | null = null
  const stop = () => {
    serving?.stop().catch((error) => logger.log('error', 'cannot unmount', { error: String(error) }))
  }
  const end = (signal: string, isFirst: boolean) => {
    logger.log('info', 'asked to end', { signal })
    if (isFirst) voice.ending?.()
    stop()
  }
  const forget = processSignals.add({ logger, end, logCounters: () => void serving?.logCounters() })
  const serve = (service: MountService) => {
    serving = service
    if (processSignals.asked > 0) stop()
  }
  return { serve, forget }
}
