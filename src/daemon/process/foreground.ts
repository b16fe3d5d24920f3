/**
 * A mount served by this very process until it is unmounted: `-f`, and `-d` with every request in one line. The log is
 * for the person at the terminal, or for whatever reads standard error. A service manager is told when the mount is up.
 */
import { isatty } from 'node:tty'
import { StratafsError } from '../../base/failure.js'
import { printable, shown } from '../../base/text.js'
import { mountAnswers } from '../mount/liveness.js'
import type { MountPlan } from '../options/mount-settings.js'
import { runDaemon, type Served } from './daemon-process.js'
import { openLog } from './open-log.js'
import { ServiceManager } from './service-manager.js'

const ANSWER_MS = 20_000

/** Serves; the exit code of the process. A refusal goes through `refuse`, which words it like every other error. */
export async function mountInForeground(
  plan: MountPlan,
  warnings: readonly string[],
  refuse: (error: string) => void,
): Promise<number> {
  const logger = openLog(plan, { fd: 2, readable: isatty(2) || plan.settings.trace })
  if (logger instanceof StratafsError) {
    refuse(logger.message)
    return 1
  }
  const manager = new ServiceManager(process.env)
  const ready = async (outcome: Served | StratafsError) => {
    if (outcome instanceof StratafsError) {
      refuse(outcome.message)
      return false
    }
    const silence = await mountAnswers(outcome.mountpoint, ANSWER_MS)
    if (silence === null) {
      manager.ready(outcome.mountpoint)
      return true
    }
    refuse(`${silence}: ${shown(outcome.mountpoint)} is taken away again`)
    return false
  }
  const say = (line: string) => process.stderr.write(`${printable(shown(line))}\n`)
  const waiter = { say: refuse, isWanted: () => true }
  return runDaemon(plan, { waiter, logger, warnings, trace: say, ready, ending: () => manager.stopping() })
}
