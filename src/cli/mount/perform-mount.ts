/**
 * What `stratafs mount` and the mount-program form have in common once their arguments are read: options parsed,
 * warnings told, and the mount made in the background or served here. Everything heavy is loaded only on the way that
 * needs it, because a runtime waits for this command each time it starts a container.
 */

import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import type { MountPlan } from '../../daemon/options/mount-settings.js'
import { mountInBackground } from '../../daemon/process/background.js'
import { Exit, printError } from '../terminal/errors.js'
import { isRemount, type MountRequest, prepareMount } from './mount-request.js'

/** Mounts; the exit code. */
export async function performMount(request: MountRequest): Promise<number> {
  if (isRemount(request.options)) return performRemount(request)
  const prepared = prepareMount(request)
  if (prepared instanceof StratafsError) {
    printError(prepared.message)
    return request.context.strict ? Exit.USAGE : Exit.FAILED
  }
  const { plan, warnings, here } = prepared
  // In the foreground they stand in the log.
  if (!here) for (const warning of warnings) printError(warning)
  if (request.pretend) return Exit.DONE
  return here ? inForeground(plan, warnings) : inBackground(plan, warnings, request.json === true)
}

/** Only the mount's flags: no daemon is begun. */
async function performRemount({ mountpoint, context, options, pretend }: MountRequest): Promise<number> {
  if (pretend) return Exit.DONE
  const { remount } = await import('../../daemon/control/remount.js')
  const refused = remount(mountpoint.startsWith('/') ? mountpoint : `${context.cwd}/${mountpoint}`, options)
  if (refused !== null) printError(refused.message)
  return refused === null ? Exit.DONE : Exit.FAILED
}

async function inBackground(plan: MountPlan, warnings: readonly string[], json: boolean): Promise<number> {
  const report = await mountInBackground(plan, warnings, { say: printError })
  const said = report instanceof StratafsError ? report.message : report.notice
  if (said !== null) printError(said)
  if (report instanceof StratafsError) return Exit.FAILED
  return json ? tell(report.mountpoint, report.pid) : Exit.DONE
}

async function tell(mountpoint: string, pid: number): Promise<number> {
  const { printDocument } = await import('../documents/documents.js')
  return printDocument('mount', { schemaVersion: 1, mountpoint: shown(mountpoint), pid })
}

async function inForeground(plan: MountPlan, warnings: readonly string[]): Promise<number> {
  const { mountInForeground } = await import('../../daemon/process/foreground.js')
  return mountInForeground(plan, warnings, printError)
}
