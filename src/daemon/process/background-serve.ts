/**
 * What the background process that a command started does once it is on its feet (see background-main.ts): reads its
 * order from descriptor 3, serves, and answers there once.
 */
import { Socket } from 'node:net'
import { StratafsError } from '../../base/failure.js'
import { sourceStack } from '../../base/source-stack.js'
import { lineReader } from '../control/control-protocol.js'
import { type BackgroundOrder, type BackgroundReport, serveInBackground } from './background-mount.js'

const socket = new Socket({ fd: 3 })
socket.setEncoding('utf8')
// The starter went away: whether the mount stays is not its business any more.
socket.on('error', () => {})
socket.on(
  'data',
  lineReader((line) => void main(JSON.parse(line) as BackgroundOrder).catch(fail)),
)

async function main(order: BackgroundOrder): Promise<void> {
  process.exit(await serveInBackground(order, report, { say, isWanted: () => !socket.destroyed }))
}

/** A fault of ours, before or after the mount was made: nobody reads this process's standard error. */
async function fail(error: unknown): Promise<void> {
  await report(new StratafsError(`the background process failed: ${sourceStack(error)}`, 'MOUNT_REFUSED'))
  process.exit(1)
}

/** A sentence on the way to the answer. */
function say(words: string): void {
  if (!socket.destroyed) socket.write(`${JSON.stringify({ say: words })}\n`)
}

/** Sends the one answer and closes the line. */
function report(outcome: BackgroundReport): Promise<boolean> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve(true)
    socket.once('close', () => resolve(true))
    socket.end(`${JSON.stringify(outcome)}\n`, () => socket.destroy())
  })
}
