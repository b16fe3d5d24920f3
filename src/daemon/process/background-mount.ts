/**
 * One mount in a background process, whoever started it: serves, and answers once. Its log goes to the file that was
 * asked for, else to the journal when systemd started us, else beside the state file. There it stays only when the
 * mount did not end well.
 */
import { existsSync, rmSync } from 'node:fs'
import { StratafsError } from '../../base/failure.js'
import { createLogger, type Logger } from '../../base/log.js'
import { pathBytes, shown } from '../../base/text.js'
import type { Waiter } from '../mount/lock-wait.js'
import { filesStem, runDirectory } from '../mount/run-directory.js'
import type { MountPlan } from '../options/mount-settings.js'
import { type DaemonVoice, runDaemon, type Served } from './daemon-process.js'

/** What the background process is told. */
export interface BackgroundOrder {
  readonly plan: MountPlan
  readonly warnings: readonly string[]
  /** Its standard error is the journal: log there. */
  readonly journal: boolean
}

/** `mountpoint` is resolved. */
export type Mounted = Served & { readonly pid: number }

/** What it answers, once; a failure goes as a FailureRecord. */
export type BackgroundReport = Mounted | StratafsError

/**
 * Serves until the mount is gone; the exit code. A refusal is told to the starter, so the log has nothing to add. A
 * `report` of false takes the mount away again.
 */
export async function serveInBackground(
  order: BackgroundOrder,
  report: (outcome: BackgroundReport) => Promise<boolean>,
  waiter: Waiter,
): Promise<number> {
  const { logFile: asked } = order.plan.settings
  const own = asked === null && !order.journal ? ownLog(order.plan.mountpoint) : null
  const plan: MountPlan = { ...order.plan, settings: { ...order.plan.settings, logFile: own ?? asked } }
  const dropLog = () => {
    if (own !== null) rmSync(pathBytes(own), { force: true })
  }
  const ready = async (outcome: Served | StratafsError) => {
    if (outcome instanceof StratafsError) dropLog()
    const wanted = await report(outcome instanceof StratafsError ? outcome : { pid: process.pid, ...outcome })
    return !(outcome instanceof StratafsError) && wanted
  }
  const over = (code: number) => {
    if (code === 0) dropLog()
  }
  return serve(plan, order, { ready, waiter, over })
}

async function serve(
  plan: MountPlan,
  { journal, warnings }: BackgroundOrder,
  voice: Pick<DaemonVoice, 'ready' | 'waiter' | 'over'>,
): Promise<number> {
  const logger = openLog(plan.settings.logFile, journal)
  if (logger instanceof StratafsError) {
    await voice.ready(logger)
    return 1
  }
  const trace = (line: string) => logger.log('info', line)
  return runDaemon(plan, { ...voice, logger, warnings, trace })
}

function openLog(logFile: string | null, journal: boolean): Logger | StratafsError {
  try {
    return createLogger(
      journal && logFile === null ? { fd: 2, readable: false } : { file: logFile ?? '/dev/null' },
      'info',
    )
  } catch (error) {
    return new StratafsError(
      `log file ${shown(logFile ?? '')} cannot be opened: ${(error as Error).message}`,
      'MOUNT_REFUSED',
    )
  }
}

/** Null without a run directory: then there is no log. */
function ownLog(mountpoint: string): string | null {
  const directory = runDirectory()
  if (directory === null) return null
  const log = (name: string): string => `${filesStem(directory, name, process.pid)}.log`
  let name = mountpoint
  while (existsSync(pathBytes(log(name)))) name += '\0'
  return log(name)
}
