/**
 * Sending a mount to the background: a process of its own session, in `/`, with nothing of ours open, told what to
 * mount over a socket pair and answering there once it serves. The starter then asks the mount itself; only when that
 * answers too is it mounted, else everything is taken away again.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { type FailureRecord, failureFrom, StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import { lineReader } from '../control/control-protocol.js'
import { mountAnswers } from '../mount/liveness.js'
import type { MountPlan } from '../options/mount-settings.js'
import type { BackgroundOrder, BackgroundReport, Mounted } from './background-mount.js'
import { stderrIsJournal } from './journal.js'

const ANSWER_MS = 20_000

/** Whoever has a mount made: hears what it waits for, and may end that. */
interface Starter {
  say(words: string): void
  readonly signal?: AbortSignal | undefined
}

/** Mounts in a background process and returns once the mount answers. */
export async function mountInBackground(
  plan: MountPlan,
  warnings: readonly string[],
  starter: Starter,
): Promise<BackgroundReport> {
  const journal = stderrIsJournal()
  const child = startChild(plan, journal)
  const stop = () => void child.kill('SIGTERM')
  starter.signal?.addEventListener('abort', stop)
  const report = await converse(child, { plan, warnings, journal }, starter)
  starter.signal?.removeEventListener('abort', stop)
  if (report instanceof StratafsError) return report
  const silence = await mountAnswers(report.mountpoint, ANSWER_MS)
  if (silence === null) return report
  child.kill('SIGTERM')
  return new StratafsError(`${silence}: the mount was taken away again`, 'MOUNT_REFUSED')
}

function startChild({ mountpoint, settings }: MountPlan, journal: boolean): ChildProcess {
  const script = fileURLToPath(new URL('./background-main.cjs', import.meta.url))
  const where = settings.transport === 'fuse-native' ? ['here'] : []
  // Node reads every certificate that this names before anything else, which takes longer than all the rest of its
  // start.
  const { NODE_EXTRA_CA_CERTS: _unused, ...env } = process.env
  // The mountpoint is there for whoever reads `ps`.
  return spawn(process.execPath, [`--v8-pool-size=${helpers()}`, script, shown(mountpoint), ...where], {
    cwd: '/',
    env,
    detached: true,
    stdio: ['ignore', 'ignore', journal ? 'inherit' : 'ignore', 'pipe'],
  })
}

/**
 * Threads on which V8 compiles and collects garbage beside the engine. Its default of four would fill all CPUs of a
 * small machine at the start of a mount, while requests need two: the program's and the engine's
 * (docs/decisions/0020-the-first-second.md).
 */
function helpers(): number {
  return Math.min(4, Math.max(1, availableParallelism() >> 1))
}

function converse(child: ChildProcess, order: BackgroundOrder, { say }: Starter): Promise<BackgroundReport> {
  return new Promise((resolve) => {
    const socket = child.stdio[3] as Socket
    // Until it has answered this process lives on for its sake: its end is an answer too.
    const finish = (report: BackgroundReport) => {
      socket.destroy()
      child.unref()
      resolve(report)
    }
    socket.setEncoding('utf8')
    socket.on(
      'data',
      lineReader((line) => {
        const message = JSON.parse(line) as Mounted | FailureRecord | { readonly say: string }
        if ('say' in message) say(message.say)
        else finish('error' in message ? failureFrom(message) : message)
      }),
    )
    socket.on('error', () => finish(new StratafsError('the background process cannot be reached', 'MOUNT_REFUSED')))
    child.on('error', (error) =>
      finish(new StratafsError(`the background process cannot be started: ${error.message}`, 'MOUNT_REFUSED')),
    )
    child.on('exit', (code, signal) =>
      finish(new StratafsError(`the background process died before it mounted (${signal ?? code})`, 'MOUNT_REFUSED')),
    )
    socket.write(`${JSON.stringify(order)}\n`)
  })
}
