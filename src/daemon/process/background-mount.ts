/**
 * One mount in a background process, whoever started it: serves, and answers once. Its log goes to the file that was
 * asked for, else to the journal when systemd started us, else beside the state file. There it stays only when the
 * mount did not end well.
 */
import { existsSync, rmSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { StratafsError } from '../../base/failure.js'
import type { LogTarget } from '../../base/log.js'
import { pathBytes } from '../../base/text.js'
import type { Waiter } from '../mount/lock-wait.js'
import { filesStem, runDirectory } from '../mount/run-directory.js'
import type { MountPlan } from '../options/mount-settings.js'
import type { Legacy } from '../service/legacy.js'
import { type DaemonVoice, runDaemon, type Served } from './daemon-process.js'
import { openLog } from './open-log.js'

/** Bytes after which the daemon's own log is begun anew; the one before is kept. */
const LONGEST_LOG = 1 << 20

/** What the background process is told. */
export interface BackgroundOrder {
  readonly plan: MountPlan
  readonly warnings: readonly string[]
  /** Its standard error is the journal: log there. */
  readonly journal: boolean
  /** Another process has made it and served it. */
  readonly legacy?: Legacy
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
  const { logFile, journal } = order.plan.settings
  const inherited = order.legacy !== undefined && logFile !== null && isOwnLog(logFile) ? logFile : null
  const own = inherited ?? (logFile === null && !journal && !order.journal ? ownLog(order.plan.mountpoint) : null)
  const dropLog = () => {
    if (own !== null) for (const end of ['', '.1']) rmSync(pathBytes(`${own}${end}`), { force: true })
  }
  const ready = async (outcome: Served | StratafsError) => {
    if (outcome instanceof StratafsError) dropLog()
    const wanted = await report(outcome instanceof StratafsError ? outcome : { pid: process.pid, ...outcome })
    return !(outcome instanceof StratafsError) && wanted
  }
  const over = (code: number) => {
    if (code === 0) dropLog()
  }
  return serve(order, own, { ready, waiter, over })
}

/** `own`: where the log goes when nothing else was asked for, if it does. */
async function serve(
  { plan, journal, warnings, legacy }: BackgroundOrder,
  own: string | null,
  voice: Pick<DaemonVoice, 'ready' | 'waiter' | 'over'>,
): Promise<number> {
  const opened = openLog(plan, otherwise(own, journal))
  // A mount that stands is not lost for its log.
  const logger = legacy !== undefined && opened instanceof StratafsError ? openLog(unlogged(plan), NOWHERE) : opened
  if (logger instanceof StratafsError) {
    await voice.ready(logger)
    return 1
  }
  const trace = (line: string) => logger.log('info', line)
  const found = { ...plan, settings: { ...plan.settings, logFile: own ?? plan.settings.logFile } }
  try {
    return await runDaemon(found, { ...voice, logger, warnings, trace, mayBeFollowed: true, legacy })
  } finally {
    logger.close()
  }
}

const NOWHERE: LogTarget = { file: '/dev/null' }

function unlogged(plan: MountPlan): MountPlan {
  return { ...plan, settings: { ...plan.settings, logFile: null, journal: false } }
}

/** Where the journal is not reached by its own protocol, systemd takes it from standard error. */
function otherwise(own: string | null, journal: boolean): LogTarget {
  if (own !== null) return { file: own, limit: LONGEST_LOG }
  return journal ? { fd: 2, readable: false } : NOWHERE
}

/** Whether the process before this one chose it, by `ownLog`. */
function isOwnLog(path: string): boolean {
  return dirname(path) === runDirectory() && /^[0-9a-f]{16}\.\d+\.log$/.test(basename(path))
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
