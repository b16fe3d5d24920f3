/**
 * Where a mount logs: to the file or the journal that was asked for, to the journal when systemd started it, or else as
 * its way of serving has it.
 */
import { StratafsError } from '../../base/failure.js'
import { createLogger, type Logger, type LogTarget } from '../../base/log.js'
import { shown } from '../../base/text.js'
import type { MountPlan } from '../options/mount-settings.js'
import { journalObstacle, journalWriter, stderrIsJournal } from './journal.js'

/** The log of the mount in `plan`, with `otherwise` where nothing else is said; or why there is none. */
export function openLog({ settings, mountpoint }: MountPlan, otherwise: LogTarget): Logger | StratafsError {
  const { logFile, journal } = settings
  if (logFile !== null) return open({ file: logFile })
  const obstacle = journal || stderrIsJournal() ? journalObstacle() : null
  if (journal && obstacle !== null) return new StratafsError(`option log=journal: ${obstacle}`, 'MOUNT_REFUSED')
  const isJournal = journal || (stderrIsJournal() && obstacle === null)
  return open(isJournal ? { write: journalWriter(mountpoint) } : otherwise)
}

function open(target: LogTarget): Logger | StratafsError {
  try {
    return createLogger(target, 'info')
  } catch (error) {
    const file = 'file' in target ? ` file ${shown(target.file)}` : ''
    return new StratafsError(`log${file} cannot be opened: ${(error as Error).message}`, 'MOUNT_REFUSED')
  }
}
