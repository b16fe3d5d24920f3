/**
 * One process serving one mount, in the foreground or not: signals, the log's sources, and the exit code. SIGTERM,
 * SIGINT and SIGHUP unmount; a second one ends at once. SIGUSR1 writes the counters into the log.
 */

import { setFlagsFromString } from 'node:v8'
import type { Logger } from '../../base/log.js'
import { sourceStack } from '../../base/source-stack.js'
import { shown } from '../../base/text.js'
import type { Refused } from '../mount/directories.js'
import type { Waiter } from '../mount/lock-wait.js'
import type { MountPlan } from '../options/mount-settings.js'
import { MountService } from '../service/mount-service.js'
import { nameProcess } from './process-name.js'

/** After the second signal the engine gets this long to finish the request in hand. */
const LAST_MS = 500

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

interface DaemonVoice {
  /** Hears what the mount waits for. */
  readonly waiter: Waiter
  readonly logger: Logger
  /** What was ignored among the options. */
  readonly warnings: readonly string[]
  /** One traced request or reply. */
  trace(line: string): void
  /** Told once: the mount serves, or why there is none. An answer of false takes the mount away again. */
  ready(outcome: Served | Refused): Promise<boolean>
  /** Told once when a signal asks for the end. */
  ending?(): void
}

/** Serves until the mount is gone. The exit code of the process. */
export async function runDaemon(plan: MountPlan, voice: DaemonVoice): Promise<number> {
  const { logger } = voice
  outliveFaults(logger)
  const signals = listenToSignals(voice)
  const waiter = { say: voice.waiter.say, isWanted: () => signals.asked() === 0 && voice.waiter.isWanted() }
  const service = await MountService.start(plan, logger, (line) => voice.trace(line), waiter)
  if ('error' in service) {
    await voice.ready(service)
    return 1
  }
  for (const warning of voice.warnings) logger.log('warn', warning)
  const { mountpoint, device, config } = service.state
  logger.log('info', 'mounted', { mountpoint: shown(mountpoint), device, layers: config.lowers.length })
  signals.end(service)
  const wanted = await voice.ready({ mountpoint, notice: service.notice })
  setTimeout(nameProcess, NAMED_MS).unref()
  setTimeout(() => setFlagsFromString(SMALL_HEAP), LOADED_MS).unref()
  if (!wanted) await service.stop()
  const code = await service.ended
  return wanted ? code : 1
}

/**
 * What nobody caught on this thread goes into the log, and the mount is served on: the engine has a thread of its own,
 * and a root filesystem is worth more than a control request or a lost message.
 */
function outliveFaults(logger: Logger): void {
  const tell = (error: unknown) => {
    logger.log('error', 'a fault nobody caught: the mount is served on', { stack: sourceStack(error) })
  }
  process.on('uncaughtException', tell)
  process.on('unhandledRejection', tell)
}

/**
 * Listens from the first moment, since a mount that is just being made must not be left without its daemon: what is
 * asked before it stands is done when it does. The mount is told to `end`; `asked` counts the signals so far.
 */
function listenToSignals(voice: DaemonVoice): { end(service: MountService): void; asked(): number } {
  const { logger } = voice
  let serving: MountService | null = null
  let asked = 0
  const stop = () => {
    serving?.stop().catch((error) => logger.log('error', 'cannot unmount', { error: String(error) }))
  }
  const end = (signal: string) => {
    logger.log('info', 'asked to end', { signal })
    if (asked === 0) voice.ending?.()
    if (++asked > 1) setTimeout(() => process.kill(process.pid, 'SIGKILL'), LAST_MS)
    stop()
  }
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end)
  process.on('SIGUSR1', () => void serving?.logCounters())
  process.on('SIGPIPE', () => {})
  const endOf = (service: MountService) => {
    serving = service
    if (asked > 0) stop()
  }
  return { end: endOf, asked: () => asked }
}
