/**
 * The host: a background process that serves further mounts beside its first. A mount is a message to it, to engines
 * that are warm. It ends when it has had no mount for a while. Only callers that could have been it are heard
 * (peer.ts); everybody else gets a process of their own.
 */
import { rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import { AT_FDCWD, LOCK_EX, LOCK_NB, O_CREAT, O_NOFOLLOW, O_RDONLY } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { mayBeDeferred } from '../deferred/deferred-mounts.js'
import { enginePool } from '../engine/engine-pool.js'
import { keeper } from '../keeper/keeper.js'
import { followerObstacle, leaveAs } from '../keeper/kept-mount.js'
import { listMounts } from '../mount/run-directory.js'
import type { MountPlan } from '../options/mount-settings.js'
import { type BackgroundReport, serveInBackground } from '../process/background-mount.js'
import { giveBackSoon } from './give-back.js'
import { HostChannels } from './host-channels.js'
import { askHost, type HostStatus, type UpgradeAnswer } from './host-client.js'
import { HostDeferred } from './host-deferred.js'
import { type HostCall, HostLine, type HostRequest, type Say } from './host-line.js'
import { isApart, leaveCaller, leaveNothing } from './own-place.js'
import { peerObstacle } from './peer.js'
import { handleOf } from './socket-handle.js'

/** How long a host without a mount waits for another one. */
const IDLE_SECONDS = 60
/**
 * The same where its mount namespace is not the machine's: such a namespace has copies of all mounts, and nobody can
 * get rid of them while somebody lives in it.
 */
const IDLE_APART_SECONDS = 3
/** Somebody is looking for this host right now: it asks again so much later whether it may end. */
const BUSY_MS = 100
const TRIES = 20
/** The answer that this process makes way is out by then. */
const GOODBYE_MS = 20

/** A mount that gets its engine when somebody asks it something. */
type Deferral = Extract<HostRequest, { readonly kind: 'defer' | 'take' }>

/** What a caller's arguments come to; null: nothing for a background process. */
type PrepareCall = (call: HostCall) => {
  readonly plan: MountPlan
  readonly warnings: readonly string[]
} | null

/** Carries out a command for the caller: its exit code; null: the call is the command's. */
type RunCall = (call: HostCall, say: Say) => Promise<number | null>

/** What a host does with calls. */
export interface HostCalls {
  readonly prepare: PrepareCall
  readonly run: RunCall
}

export class Host {
  /** No mount is left, and none will come. */
  readonly ended: Promise<void>
  #end: () => void = () => {}
  #active = 0
  #hasServed = false
  /** Commands that are being carried out. */
  #running = 0
  /** Connections over which mounts come, whose devices may be under way already. */
  #lines = 0
  #waiting: NodeJS.Timeout | null = null
  #isClosing = false
  readonly #deferred = new HostDeferred()
  readonly #channels = new HostChannels()

  /**
   * Listens on `path`, where nobody else does: the caller holds the lock beside it. Why not, where that cannot be had:
   * then this process serves its own mount alone.
   */
  static async begin(path: string, calls: HostCalls): Promise<Host | string> {
    const stays = await leaveCaller()
    if (stays !== null) return stays
    rmSync(path, { force: true })
    const server = createServer()
    const listens = new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(path, () => resolve(true))
    })
    const host = new Host(server, path, calls)
    if (!(await listens)) return `its socket ${path} cannot be made`
    keeper.socket = path
    enginePool.allowMany()
    return host
  }

  /** The same in a process that follows a host which has died; null where another one has begun meanwhile. */
  static async follow(path: string, calls: HostCalls): Promise<Host | null> {
    const lock = await takeLockSoon(path)
    if (lock === 'busy') return null
    // One that is dying lets itself be connected to, and answers nothing.
    const isThere = (await askHost<HostStatus>(path, 'status')) !== null
    const host = isThere ? null : await Host.begin(path, calls)
    native.close(lock)
    return host instanceof Host ? host : null
  }

  private constructor(
    private readonly server: Server,
    private readonly path: string,
    private readonly calls: HostCalls,
  ) {
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
    server.on('connection', (socket) => void this.#answer(socket))
  }

  /** Counts a mount in for as long as `serving` lasts: its exit code. */
  async serve(serving: Promise<number>): Promise<number> {
    this.#active++
    if (this.#waiting !== null) clearTimeout(this.#waiting)
    this.#waiting = null
    try {
      const code = await serving
      if (code === 0) this.#hasServed = true
      return code
    } finally {
      giveBackSoon()
      if (--this.#active === 0) this.#rest()
    }
  }

  async #answer(socket: Socket): Promise<void> {
    const line = new HostLine(socket)
    if (this.#isClosing || peerObstacle(handleOf(socket)) !== null) return line.destroy()
    const request = await line.request()
    if (request === null || this.#isClosing) return line.destroy()
    if (request.kind === 'mount') await this.serve(this.#mount(request.call, line))
    else if (request.kind === 'defer' || request.kind === 'take') await this.#mountsDeferred(request, line)
    else if (request.kind === 'channel') this.#channels.open(request.token, line)
    else if (request.kind === 'run') await this.#run(request.call, line)
    else if (request.kind === 'status') line.end(JSON.stringify(this.#status()))
    else if (request.kind === 'upgrade') line.end(JSON.stringify(await this.#makeWay(request.format, request.command)))
    else await this.#stop(line)
  }

  /** Another version follows, as one would after a death: so nothing has to be brought to an end first. */
  async #makeWay(format: number, command: readonly string[]): Promise<UpgradeAnswer> {
    const { pid } = process
    const alone = this.#active - keeper.size
    const other = followerObstacle(format)
    const why =
      other !== null
        ? `a mount cannot be handed over: ${other}; unmount, and mount again`
        : this.#running > 0
          ? 'it is carrying out a command; try again'
          : alone > 0
            ? `${alone} of its mounts end with it: mount them with -o recover=on, or unmount them first`
            : null
    const stays = why ?? (await keeper.makeWay(command))
    if (stays !== null) return { refused: stays, pid }
    setTimeout(() => {
      leaveAs(format)
      process.kill(pid, 'SIGKILL')
    }, GOODBYE_MS)
    return { upgraded: pid }
  }

  async #mount(call: HostCall, line: HostLine): Promise<number> {
    const prepared = this.calls.prepare(call)
    if (prepared === null) {
      line.end('other')
      return 1
    }
    for (const warning of prepared.warnings) line.say(`say ${warning}`)
    const report = async (outcome: BackgroundReport): Promise<boolean> => {
      if (!(outcome instanceof StratafsError)) return line.finish(`ready ${outcome.mountpoint}`, 'latin1')
      line.say(`say ${outcome.message}`)
      line.end('exit 1')
      return false
    }
    const waiter = { say: (words: string) => void line.say(`say ${words}`), isWanted: () => line.isOpen }
    return serveInBackground({ ...prepared, journal: false }, report, waiter)
  }

  /** Mounts that wait for their engines: a connection is good for any number. */
  async #mountsDeferred(first: Deferral, line: HostLine): Promise<void> {
    const tokens = new Set<string>()
    let isOver = true
    this.#lines++
    for (let next: Deferral | null = first; next !== null && !this.#isClosing; ) {
      if (next.kind === 'take') tokens.add(next.token)
      isOver = this.#mountsOne(next, line)
      if (!isOver) break
      const request = await line.request(Number.POSITIVE_INFINITY)
      next = request?.kind === 'defer' || request?.kind === 'take' ? request : null
    }
    for (const token of tokens) this.#channels.close(token)
    if (isOver) line.destroy()
    if (--this.#lines === 0 && this.#active === 0 && this.#waiting === null) this.#rest()
  }

  /** False: the connection is that of a mount that cannot wait, from now on. */
  #mountsOne(request: Deferral, line: HostLine): boolean {
    const { kind, call } = request
    const device = kind === 'take' ? this.#channels.take(request.token) : null
    const prepared = this.calls.prepare(call)
    const mayWait = prepared !== null && mayBeDeferred(prepared.plan)
    if (kind === 'take' && (!mayWait || device === null)) {
      device?.close()
      line.say('say such a mount cannot be handed over')
      line.say('exit 1')
    } else if (!mayWait) void this.serve(this.#mount(call, line))
    else void this.serve(this.#deferred.serve(prepared, line, device))
    return mayWait || kind === 'take'
  }

  /**
   * A mount that waits for its engine is answered by this very thread, which must not ask it anything then: the command
   * is a process of its own.
   */
  async #run(call: HostCall, line: HostLine): Promise<void> {
    this.#running++
    try {
      const isFree = this.#deferred.mountpoints.length === 0
      // From now on it must not be carried out twice.
      if (isFree) line.say('wait')
      const code = isFree ? await this.calls.run(call, (word) => line.say(word)) : null
      line.end(code === null ? 'other' : `exit ${code}`)
    } finally {
      this.#running--
      if (this.#active === 0 && this.#waiting === null) this.#rest()
    }
  }

  #status(): HostStatus {
    const mounts = listMounts().filter(({ state }) => state.pid === process.pid)
    return {
      pid: process.pid,
      mounts: [...mounts.map(({ state }) => state.mountpoint), ...this.#deferred.mountpoints].map(shown),
      threads: enginePool.threads,
      rss: process.memoryUsage.rss(),
    }
  }

  async #stop(line: HostLine): Promise<void> {
    // A mount that is on its way out is waited for.
    for (let i = 0; this.#active > 0 && this.#status().mounts.length === 0 && i < TRIES; i++) await sleep(BUSY_MS)
    if (this.#active > 0) return line.end(JSON.stringify({ refused: this.#status() }))
    line.end(JSON.stringify({ stopped: process.pid }))
    this.#close(true)
  }

  /** Nothing is mounted. Where nothing ever was, nobody waits for more. */
  #rest(): void {
    const named = process.env.STRATAFS_HOST_IDLE
    const usual = isApart() ? IDLE_APART_SECONDS : IDLE_SECONDS
    const seconds = this.#hasServed ? Number(named || usual) : 0
    if (!(seconds > 0)) return this.#close()
    this.#waiting = setTimeout(() => this.#close(), seconds * 1000)
  }

  #close(isWanted = false): void {
    clearTimeout(this.#waiting ?? undefined)
    this.#waiting = null
    if (this.#isClosing || this.#active > 0 || this.#running > 0 || (this.#lines > 0 && !isWanted)) return
    const lock = takeLock(this.path)
    if (lock === 'busy') {
      this.#waiting = setTimeout(() => this.#close(), BUSY_MS)
      return
    }
    this.#isClosing = true
    rmSync(this.path, { force: true })
    rmSync(lockOf(this.path), { force: true })
    if (lock !== null) native.close(lock)
    this.server.close()
    leaveNothing()
    this.#end()
  }
}

/** Who holds it finds out whether a host is there, or starts one (native-bindings/src/launch-host.c). */
const lockOf = (path: string): string => path.replace(/\.sock$/, '.lock')

/** The lock's descriptor, null where there is none to take, or that somebody else has it. `flags`: O_CREAT makes it. */
function takeLock(path: string, flags = 0): number | null | 'busy' {
  const fd = native.openat(AT_FDCWD, lockOf(path), O_RDONLY | O_NOFOLLOW | flags, 0o600)
  if (fd < 0) return null
  if (native.flock(fd, LOCK_EX | LOCK_NB) >= 0) return fd
  native.close(fd)
  return 'busy'
}

/** Whoever looks for a host has the lock for moments. */
async function takeLockSoon(path: string): Promise<number | 'busy'> {
  for (let i = 1; ; i++) {
    const lock = takeLock(path, O_CREAT) ?? 'busy'
    if (lock !== 'busy' || i === TRIES) return lock
    await sleep(BUSY_MS)
  }
}
