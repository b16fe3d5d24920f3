/**
 * Has mounts made by the host (docs/decisions/0032-one-host-for-all-mounts.md), as the launcher does: one message over
 * its socket. The launcher is called for the first mount, because it knows how a host is named and started. Where there
 * is no launcher each mount gets a process of its own.
 */
import { spawn } from 'node:child_process'
import { StratafsError } from '../../base/failure.js'
import { prebuiltFiles } from '../../base/package-files.js'
import { fromText, shown } from '../../base/text.js'
import { askHost, type HostStatus, hostSockets } from '../../daemon/host/host-client.js'
import { mountAnswers } from '../../daemon/mount/liveness.js'
import type { AttachPlan } from '../../daemon/mount/mounter.js'
import { listMounts } from '../../daemon/mount/run-directory.js'
import type { MountSettings } from '../../daemon/options/mount-settings.js'
import { type ParsedOptions, parseOptions } from '../../daemon/options/parse.js'
import { mountInBackground } from '../../daemon/process/background.js'
import { DeviceChannel } from './device-channel.js'
import { HostTalk } from './host-talk.js'

/** What is to be mounted where; latin1. */
interface MountWish {
  readonly mountpoint: string
  /** Top first. */
  readonly lowers: readonly string[]
  /** Null: read-only. */
  readonly upper: { readonly path: string; readonly work: string } | null
  readonly options: readonly string[]
  /** It gets its engine when somebody asks it something; until then it costs next to nothing. */
  readonly deferred: boolean
}

/** A mount that stands. */
interface Handed {
  readonly pid: number
  /** The host's pid once it serves it; null: the host has ended. Rejects with why it does not. */
  readonly served: Promise<number | null>
}

const PATIENCE_MS = 30_000
/** The host does not end while it may be sent a mount, so it is let go when nothing was sent for so long. */
const LET_GO_MS = 2_000

export class MountClient {
  readonly #launcher = prebuiltFiles('launch')[0] ?? null
  /** Of the host that took the last mount. */
  #socket: string | null = null
  #starting: Promise<number> | null = null
  /** To the host, for mounts that may wait for their engine. */
  #line: HostTalk | null = null
  /** Beside it. */
  #channel: DeviceChannel | null = null
  #deferred: Promise<unknown> = Promise.resolve()
  /** Those that have still to be said, or to be answered before anything else is said. */
  #asking = 0
  /** Of those over it: how many are under way, or wait. */
  #talks = 0
  #lettingGo: NodeJS.Timeout | undefined

  /** Whether mounts are a host's, and not each a process of its own. */
  get hasHost(): boolean {
    return this.#launcher !== null
  }

  /** Mounts; the pid of who serves it. Throws StratafsError. */
  async mount(wish: MountWish): Promise<number> {
    // Of several first mounts one starts the host, and the others go to it.
    if (this.#socket === null && this.#starting !== null) await this.#starting.catch(() => {})
    const pid = this.#socket === null ? null : await this.#ask(this.#socket, wish)
    if (pid !== null) return pid
    this.#socket = null
    const starting = this.#launcher === null ? mountApart(wish) : this.#launch(this.#launcher, wish)
    this.#starting = starting
    try {
      return await starting
    } finally {
      if (this.#starting === starting) this.#starting = null
    }
  }

  /**
   * Mounts here and now, and hands the mount over to the host, which lives on: the host's pid, and when it serves the
   * mount or why it does not. Null where that cannot be done: `mount` can, or says why not.
   */
  hand(wish: MountWish): Handed | null {
    const line = this.#line
    if (line === null || !line.isOpen || this.#channel?.isOpen !== true || this.#asking > 0) return null
    const plan = planOf(wish)
    if (plan === null || !this.#channel.send(plan)) return null
    const served = this.#queued(() => this.#heard(line, wish))
    line.say(callOf('take', this.#channel.token, wish))
    return { pid: line.peer, served }
  }

  /** What is mounted and waits for its engine, by mountpoint (latin1): the pid of the host. */
  async waiting(): Promise<Map<string, number>> {
    const found = new Map<string, number>()
    for (const { mounts, pid } of await this.hosts())
      for (const mountpoint of mounts) found.set(fromText(mountpoint), pid)
    return found
  }

  /** Every host of this user's that answers. */
  async hosts(): Promise<HostStatus[]> {
    const all = await Promise.all(hostSockets().map((socket) => askHost<HostStatus>(socket, 'status')))
    return all.filter((status) => status !== null)
  }

  /** Ends the host where it has no mount left. */
  async stop(): Promise<void> {
    this.#letGo()
    if (this.#socket !== null) await askHost(this.#socket, 'stop')
  }

  async #launch(launcher: string, wish: MountWish): Promise<number> {
    await run(launcher, ['mount', ...wordsOf(wish)])
    const served = listMounts().findLast(({ state }) => state.mountpoint === wish.mountpoint)
    if (served === undefined) throw new StratafsError(`${shown(wish.mountpoint)} was mounted, and is gone again`)
    const { pid, hosted } = served.state
    for (const socket of hosted ? hostSockets() : []) {
      const status = await askHost<HostStatus>(socket, 'status')
      if (status?.pid === pid) this.#socket = socket
    }
    return pid
  }

  /** The pid, or null where no host listens any more. */
  async #ask(path: string, wish: MountWish): Promise<number | null> {
    if (wish.deferred) return this.#askDeferred(path, wish)
    const line = await HostTalk.open(path)
    return line === null ? null : this.#converse(line, wish)
  }

  /** One after the other, over one connection. */
  #askDeferred(path: string, wish: MountWish): Promise<number | null> {
    this.#asking++
    return this.#queued(async () => {
      try {
        if (this.#line?.isOpen !== true) await this.#open(path)
        return this.#line === null ? null : await this.#converse(this.#line, wish)
      } finally {
        this.#asking--
      }
    })
  }

  async #open(path: string): Promise<void> {
    this.#channel?.close()
    this.#channel = null
    this.#line = await HostTalk.open(path)
    if (this.#line !== null) this.#channel = await DeviceChannel.open(path)
  }

  /** Answers come in the order of the questions. */
  #queued<T>(act: () => Promise<T>): Promise<T> {
    const own = this.#talks === 0 ? act() : this.#deferred.then(act)
    this.#talks++
    const over = () => {
      this.#talks--
      this.#letGoLater()
    }
    this.#deferred = own.then(over, over)
    return own
  }

  #letGoLater(): void {
    clearTimeout(this.#lettingGo)
    this.#lettingGo = setTimeout(() => this.#letGo(), LET_GO_MS).unref()
  }

  #letGo(): void {
    if (this.#talks > 0) return
    this.#channel?.close()
    this.#line?.close()
    this.#channel = null
    this.#line = null
  }

  async #converse(line: HostTalk, wish: MountWish): Promise<number | null> {
    line.say(callOf(wish.deferred ? 'defer' : 'mount', '/', wish))
    return this.#heard(line, wish)
  }

  async #heard(line: HostTalk, wish: MountWish): Promise<number | null> {
    const said: string[] = []
    for (let word = await line.word(); word !== null; word = await line.word()) {
      if (word.startsWith('say ')) said.push(word.slice(4))
      else if (word.startsWith('ready ')) return wish.deferred ? line.peer : confirmed(line, wish, said)
      else if (word !== 'wait') {
        if (!wish.deferred) line.close()
        throw refusedBy(wish, said)
      }
    }
    // A host on its way out took nothing.
    if (said.length === 0) return null
    throw refusedBy(wish, said)
  }
}

/** The words of a call to the host. */
function callOf(kind: 'mount' | 'defer' | 'take', where: string, wish: MountWish): string[] {
  const args = ['mount', ...wordsOf(wish)]
  return [kind, where, 'stratafs', String(args.length), ...args]
}

function refusedBy({ mountpoint }: MountWish, said: readonly string[]): StratafsError {
  return new StratafsError(said.at(-1) ?? `${shown(mountpoint)} cannot be mounted`, 'MOUNT_REFUSED')
}

/** The mount's own answer is the last word. */
async function confirmed(line: HostTalk, wish: MountWish, said: readonly string[]): Promise<number> {
  const silence = await mountAnswers(wish.mountpoint, PATIENCE_MS)
  if (silence === null) {
    line.close()
    return line.peer
  }
  line.say(['undo'])
  line.close()
  throw new StratafsError(`${silence}: the mount was taken away again (${said.join('; ')})`, 'MOUNT_REFUSED')
}

/** The arguments of `stratafs mount`. */
function wordsOf({ mountpoint, lowers, upper, options }: MountWish): string[] {
  const above = upper === null ? [] : ['--upper', upper.path, '--work', upper.work]
  const words = options.length === 0 ? [] : ['-o', options.join(',')]
  return [...lowers.flatMap((lower) => ['--lower', lower]), ...above, ...words, mountpoint]
}

/** Runs the launcher; throws what it says. */
function run(launcher: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const words = args.map(shown)
    const child = spawn(launcher, words, { argv0: 'stratafs', stdio: ['ignore', 'ignore', 'pipe'], cwd: '/' })
    let said = ''
    child.stderr.on('data', (chunk) => {
      said += String(chunk)
    })
    child.on('error', (error) => reject(new StratafsError(`${launcher} cannot be run: ${error.message}`)))
    child.on('exit', (code, signal) => {
      if (code === 0) return resolve()
      const words = said.trim().replace(/^stratafs: /gm, '')
      reject(new StratafsError(words || `${launcher} ended with ${signal ?? code}`, 'MOUNT_REFUSED'))
    })
  })
}

async function mountApart(wish: MountWish): Promise<number> {
  const parsed = parsedOf(wish)
  if (parsed instanceof StratafsError) throw parsed
  const { config, settings, options: words, warnings } = parsed
  const plan = { config, settings, options: words, mountpoint: wish.mountpoint }
  const started = await mountInBackground(plan, warnings, { say: () => {} })
  if (started instanceof StratafsError) throw started
  return started.pid
}

function parsedOf({ lowers, upper, options }: MountWish): ParsedOptions | StratafsError {
  return parseOptions(options.length === 0 ? [] : [options.join(',')], {
    strict: true,
    cwd: '/',
    lowers,
    ...(upper === null ? {} : { upper: upper.path, work: upper.work }),
  })
}

/** What a mount is made of beside its layers, by options and whether it can be written to. */
const knownSettings = new Map<string, MountSettings>()
/** More are not remembered: labels can ask for any number. */
const MOST_SETTINGS = 100

/** Where and how to mount; null: that is refused, by whoever says why. */
function planOf(wish: MountWish): AttachPlan | null {
  const key = `${wish.upper === null} ${wish.options.join(',')}`
  const known = knownSettings.get(key)
  if (known !== undefined) return { settings: known, mountpoint: wish.mountpoint }
  const parsed = parsedOf(wish)
  if (parsed instanceof StratafsError) return null
  if (knownSettings.size >= MOST_SETTINGS) knownSettings.clear()
  knownSettings.set(key, parsed.settings)
  return { settings: parsed.settings, mountpoint: wish.mountpoint }
}
