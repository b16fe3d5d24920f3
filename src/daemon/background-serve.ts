/**
 * What the background process does once it is on its feet (see background-main.ts): reads its order from descriptor 3,
 * serves, and answers there once. Its log goes to the file that was asked for, else to the journal when systemd started
 * us, else beside the state file, where it stays only when the mount did not end well.
 */

import { rmSync } from 'node:fs'
import { Socket } from 'node:net'
import { createLogger, type Logger } from '../base/log.js'
import { sourceStack } from '../base/source-stack.js'
import { pathBytes, shown } from '../base/text.js'
import type { BackgroundOrder, BackgroundReport } from './background.js'
import { lineReader } from './control-protocol.js'
import { runDaemon } from './daemon-process.js'
import type { Refused } from './places.js'
import { filesStem, runDirectory } from './run-directory.js'
import type { MountPlan } from './settings.js'

const socket = new Socket({ fd: 3 })
socket.setEncoding('utf8')
// The starter went away: whether the mount stays is not its business any more.
socket.on('error', () => {})
socket.on(
  'data',
  lineReader((line) => void main(JSON.parse(line) as BackgroundOrder).catch(fail)),
)

/** A fault of ours, before or after the mount was made: nobody reads this process's standard error. */
async function fail(error: unknown): Promise<void> {
  await report({ error: `the background process failed: ${sourceStack(error)}` })
  process.exit(1)
}

async function main(order: BackgroundOrder): Promise<void> {
  const { logFile: asked } = order.plan.settings
  const own = asked === null && !order.journal ? ownLog(order.plan.mountpoint) : null
  const plan: MountPlan = { ...order.plan, settings: { ...order.plan.settings, logFile: own ?? asked } }
  const dropLog = () => {
    if (own !== null) rmSync(pathBytes(own), { force: true })
  }
  const code = await serve(plan, order, dropLog)
  if (code === 0) dropLog()
  process.exit(code)
}

/** Serves; the exit code. A refusal is told to the starter, so its log has nothing to add. */
async function serve(plan: MountPlan, order: BackgroundOrder, dropLog: () => void): Promise<number> {
  const ready = async (outcome: { readonly mountpoint: string } | Refused) => {
    if ('error' in outcome) dropLog()
    await report('error' in outcome ? outcome : { pid: process.pid, mountpoint: outcome.mountpoint })
    return !('error' in outcome)
  }
  const logger = openLog(plan.settings.logFile, order.journal)
  if ('error' in logger) {
    await ready(logger)
    return 1
  }
  const trace = (line: string) => logger.log('info', line)
  return runDaemon(plan, { logger, warnings: order.warnings, trace, ready })
}

function openLog(logFile: string | null, journal: boolean): Logger | Refused {
  try {
    return createLogger(
      journal && logFile === null ? { fd: 2, readable: false } : { file: logFile ?? '/dev/null' },
      'info',
    )
  } catch (error) {
    return { error: `log file ${shown(logFile ?? '')} cannot be opened: ${(error as Error).message}` }
  }
}

/** Null without a run directory: then there is no log. */
function ownLog(mountpoint: string): string | null {
  const directory = runDirectory()
  return directory === null ? null : `${filesStem(directory, mountpoint, process.pid)}.log`
}

/** Sends the one answer and closes the line. */
function report(outcome: BackgroundReport): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve()
    socket.once('close', () => resolve())
    socket.end(`${JSON.stringify(outcome)}\n`, () => socket.destroy())
  })
}
