/**
 * What the launched background process does once it is on its feet (see launched-main.ts): reads its arguments, tells
 * the launcher what the command would tell, over descriptor 3, and serves. What it does not take, the launcher gives to
 * the command: wrong usage, whatever stays in the foreground. So there is one place for the words about each of these.
 */
import { closeSync, writeSync } from 'node:fs'
import { StratafsError } from '../base/failure.js'
import { sourceStack } from '../base/source-stack.js'
import { enginePool } from '../daemon/engine/engine-pool.js'
import { Host, type HostCalls } from '../daemon/host/host.js'
import type { HostCall } from '../daemon/host/host-line.js'
import { keeper, RESUME } from '../daemon/keeper/keeper.js'
import { type BackgroundReport, serveInBackground } from '../daemon/process/background-mount.js'
import { stderrIsJournal } from '../daemon/process/journal.js'
import { legacies } from '../daemon/process/legacies.js'
import { addonObstacle } from '../syscalls/native.js'
import { readMountWords } from './mount/mount-fast-parse.js'
import { isMountProgramForm, parseMountProgram } from './mount/mount-program.js'
import {
  commandRequest,
  type MountRequest,
  type Prepared,
  prepareMount,
  programRequest,
} from './mount/mount-request.js'
import { rehearsal } from './mount/rehearsal.js'
import { currentDirectory, rawArguments } from './terminal/arguments.js'
import { Exit } from './terminal/errors.js'

const LAUNCHER = 3
let isHeard = true
const calls: HostCalls = {
  prepare: (call) => prepare(call),
  // Loaded when somebody asks for it.
  run: async (call, say) => (await import('./snapshot/hosted-run.js')).runHosted(call, say),
}

async function main(): Promise<void> {
  const socket = takeHostSocket()
  if (rawArguments()[0] === RESUME) process.exit(await resumeAll(socket))
  const mount = addonObstacle === null ? prepare(ownCall(), socket === null) : null
  if (mount === null) {
    answer('other')
    process.exit(0)
  }
  process.chdir('/')
  for (const warning of mount.warnings) tell(`say ${warning}`)
  const order = { ...mount, journal: stderrIsJournal() }
  const waiter = { say: (words: string) => void tell(`say ${words}`), isWanted: () => tell('wait') }
  // Others find the host before this mount answers. The engine's thread takes longer to load.
  const host = socket === null ? null : await Host.begin(socket, calls)
  if (typeof host === 'string') tell(`say each mount gets a process of its own here: ${host}`)
  process.exit(await served(serveInBackground(order, report, waiter), host))
}

/**
 * This process follows one that has died, or waits until one does (docs/decisions/0044-a-spare-process.md): serves its
 * mounts on, and listens where it did.
 */
async function resumeAll(socket: string | null): Promise<number> {
  isHeard = false
  process.chdir('/')
  const waiter = { say: () => {}, isWanted: () => true }
  if (!keeper.isCalled(LAUNCHER)) {
    const own = rehearsal()
    await enginePool.warm(own?.start ?? null)
    own?.end()
    keeper.guard()
    keeper.ready(LAUNCHER)
  }
  const orders = legacies(LAUNCHER)
  // Nobody needs who waited: the keeper has ended.
  if (orders.length === 0) return 0
  let waiting = orders.length
  const report = async () => {
    if (--waiting > 0) return true
    keeper.serving()
    keeper.guard()
    return true
  }
  const serving = orders.map(async (order) => {
    try {
      return await serveInBackground(order, report, waiter)
    } finally {
      order.legacy?.kept.end()
    }
  })
  const host = socket === null ? null : await Host.follow(socket, calls)
  if (host === null) await Promise.all(serving)
  else {
    await Promise.all(serving.map((each) => host.serve(each)))
    await host.ended
  }
  return 0
}

/** The exit code, once nothing is served any more. */
async function served(own: Promise<number>, host: Host | string | null): Promise<number> {
  if (host === null || typeof host === 'string') return own
  const code = await host.serve(own)
  await host.ended
  return code
}

/** Where further mounts may be asked for, as the launcher says. */
function takeHostSocket(): string | null {
  const { STRATAFS_HOST_SOCKET: socket } = process.env
  delete process.env.STRATAFS_HOST_SOCKET
  return socket ?? null
}

function ownCall(): HostCall {
  const [name = '', ...args] = rawArguments()
  return { name, args, cwd: currentDirectory() }
}

/**
 * What is to be mounted, and what to say about it first; null: that is the command's. The other transport serves on the
 * main thread, which only a process of `one` mount can give it.
 */
function prepare(call: HostCall, one = false): Pick<Prepared, 'plan' | 'warnings'> | null {
  const read = readRequest(call)
  if (read === null) return null
  const prepared = prepareMount(read.request)
  if (prepared instanceof StratafsError || prepared.here) return null
  if (prepared.plan.settings.transport === 'fuse-native' && !one) return null
  return { plan: prepared.plan, warnings: [...read.warnings, ...prepared.warnings] }
}

function readRequest(call: HostCall): { readonly request: MountRequest; readonly warnings: readonly string[] } | null {
  const { name, args, cwd } = call
  if (isMountProgramForm(name, args)) {
    const form = parseMountProgram(name, args)
    if (form.kind !== 'mount' || form.pretend) return null
    return { request: programRequest(form, cwd), warnings: form.warnings }
  }
  const given = args[0] === 'mount' ? readMountWords(args.slice(1)) : null
  return given === null ? null : { request: commandRequest(given, cwd), warnings: [] }
}

async function report(outcome: BackgroundReport): Promise<boolean> {
  if (outcome instanceof StratafsError) refuse(outcome.message)
  else answer(`ready ${outcome.mountpoint}`, 'latin1')
  return true
}

function refuse(words: string): void {
  tell(`say ${words}`)
  answer(`exit ${Exit.FAILED}`)
}

/** A fault of ours, before or after the mount was made: nobody reads this process's standard error. */
function fail(error: unknown): void {
  refuse(`the background process failed: ${sourceStack(error)}`)
  process.exit(1)
}

/** The last word to the launcher. */
function answer(word: string, encoding?: 'latin1'): void {
  tell(word, encoding)
  if (isHeard) closeSync(LAUNCHER)
  isHeard = false
}

/** Whether anybody heard it. Once the mount stands it is not the launcher's business whether it stays. */
function tell(word: string, encoding: 'utf8' | 'latin1' = 'utf8'): boolean {
  if (!isHeard) return false
  try {
    writeSync(LAUNCHER, Buffer.from(`${word}\0`, encoding))
    return true
  } catch {
    return false
  }
}

void main().catch(fail)
