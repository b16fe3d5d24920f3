/**
 * The mounts of snapshots: which there are, made when somebody needs one, made anew where whoever served it has died.
 * They are the host's, and live on when the snapshotter ends; the kernel's table and the state files tell of them.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { StratafsError } from '../../base/failure.js'
import type { Log } from '../../base/log.js'
import { pathBytes, shown } from '../../base/text.js'
import { askDaemon, untilGone } from '../../daemon/control/control-client.js'
import type { HostStatus } from '../../daemon/host/host-client.js'
import { mountAnswers } from '../../daemon/mount/liveness.js'
import { detach } from '../../daemon/mount/mounter.js'
import { isOurType, readMounts } from '../../daemon/mount/mountinfo.js'
import { filesStem, listMounts, runDirectory, startTimeOf } from '../../daemon/mount/run-directory.js'
import type { LimitChange } from '../../operations/change-limit.js'
import { AT_FDCWD, O_DIRECTORY, O_PATH } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { withFd } from '../../syscalls/owned-fd.js'
import type { LimitReport } from '../../union/context/upper-limit.js'
import type { Usage } from '../records/snapshot.js'
import { lowersOf } from './forms.js'
import type { MountClient } from './mount-client.js'
import type { Places } from './places.js'
import { ServingProcess } from './serving-process.js'

/** What a snapshot's mount is made of. */
interface UnionWish {
  readonly id: number
  /** Ids of what lies below, top first. */
  readonly chain: readonly number[]
  readonly readOnly: boolean
  /** Further mount options. */
  readonly options: readonly string[]
}

/** A mount may take so long to write everything out. */
const PATIENCE_MS = 30_000
/** An upper that is being counted is asked again after so long. */
const COUNTING_MS = 20

export class Unions {
  /** Who serves which. */
  readonly #served = new Map<number, ServingProcess>()
  /** Mounts that were handed to the host, until it has said what it makes of them. */
  readonly #handed = new Map<number, Promise<void>>()
  /** That of the last mount, which mostly serves the next one, too. */
  #last: ServingProcess | null = null
  /** Of the mount that the root lies on. */
  #below: string | null = null

  constructor(
    private readonly places: Places,
    private readonly client: MountClient,
    private readonly log: Log,
  ) {}

  /** The hosts that serve them. */
  async hosts(): Promise<HostStatus[]> {
    const pids = new Set([...this.#served.values()].map(({ pid }) => pid))
    return (await this.client.hosts()).filter(({ pid }) => pids.has(pid))
  }

  /** How many there are. */
  get count(): number {
    return this.#served.size
  }

  /** The control sockets of those that are served, by snapshot. */
  sockets(): (readonly [id: number, socket: string])[] {
    const directory = runDirectory()
    if (directory === null) return []
    return [...this.#served].map(([id, { pid }]) => [id, this.#socketOf(directory, id, pid)] as const)
  }

  #socketOf(directory: string, id: number, pid: number): string {
    return `${filesStem(directory, this.places.merged(id), pid)}.sock`
  }

  has(id: number): boolean {
    return this.#served.has(id)
  }

  /** What the mount of `id` counts, inode by inode, from the first time that it is asked; null: it has no engine. */
  async counted(id: number): Promise<Usage | null> {
    const late = performance.now() + PATIENCE_MS
    for (;;) {
      const report = await this.#ask(id, { count: true })
      if (report === null) return null
      const { counting, usedBytes, usedInodes } = report
      if (counting === null)
        return usedBytes === null || usedInodes === null ? null : { size: usedBytes, inodes: usedInodes }
      if (performance.now() >= late) return null
      await sleep(COUNTING_MS)
    }
  }

  /** Gives the mount of `id` another limit in bytes; 0: none. Throws StratafsError. */
  async limit(id: number, size: number): Promise<void> {
    await this.awaken(id)
    if ((await this.#ask(id, { size })) === null)
      throw new StratafsError(`the mount has no limit of ${size} bytes: its next one will have it`)
  }

  /** A mount that has no engine yet gets it. */
  async awaken(id: number): Promise<void> {
    if (this.has(id)) await mountAnswers(this.places.merged(id), PATIENCE_MS)
  }

  async #ask(id: number, change: LimitChange): Promise<LimitReport | null> {
    const directory = runDirectory()
    const server = this.#served.get(id)
    const own = directory === null || server === undefined ? null : this.#socketOf(directory, id, server.pid)
    const socket = own ?? this.#socketElsewhere(id)
    if (socket === null) return null
    const reply = await askDaemon(socket, { command: 'limit', change })
    return reply.ok && !('obstacle' in (reply.result as object)) ? (reply.result as LimitReport) : null
  }

  /** That of a mount of ours that somebody else has made over the snapshot's upper, as mount.fuse3 does. */
  #socketElsewhere(id: number): string | null {
    const upper = this.places.fs(id)
    return listMounts().find(({ state }) => state.config.upper === upper && state.hybrid !== true)?.socket ?? null
  }

  /**
   * The mount of `id`, made where it is not there: before this returns, where nothing is in the way. Throws
   * StratafsError.
   */
  async ensure({ id, chain, readOnly, options }: UnionWish): Promise<string> {
    const mountpoint = this.places.merged(id)
    // Of one that was not taken over nothing is left, and it is made anew.
    const handed = this.#handed.get(id)
    if (handed !== undefined) await handed
    const server = this.#served.get(id)
    if (server !== undefined) {
      if (server.isAlive && this.#isMountpoint(mountpoint)) return mountpoint
      this.log('warn', 'a mount had lost its server, and is made anew', { mountpoint: shown(mountpoint) })
      await this.drop(id)
    }
    makeMountpoint(mountpoint)
    const wish = {
      mountpoint,
      lowers: lowersOf(chain, this.places),
      upper: readOnly ? null : { path: this.places.fs(id), work: this.places.work(id) },
      // What is known of the layers is with the layers; a container needs no copy of all of it.
      options: ['index=immutable', 'index_fill=visited', ...options],
      // What has failed once is to say why.
      deferred: server === undefined,
    }
    const standing = wish.deferred ? this.client.hand(wish) : null
    if (standing !== null) this.#await(id, standing.served)
    const pid = standing?.pid ?? (await this.client.mount(wish))
    const isLast = this.#last?.pid === pid && this.#last.isAlive
    this.#served.set(id, isLast ? this.#last! : this.#process(pid, startTimeOf(pid)))
    return mountpoint
  }

  /** Whoever asks for the mount once more waits until it is known whether the host has taken it over. */
  #await(id: number, served: Promise<number | null>): void {
    const over = served.then(
      () => {},
      (error) => this.log('warn', 'a mount was not taken over', { id, error: String(error) }),
    )
    this.#handed.set(id, over)
    void over.then(() => this.#handed.delete(id))
  }

  /** The one that began at `startTime`: one object for all of its mounts. */
  #process(pid: number, startTime: string | null): ServingProcess {
    if (this.#last?.pid !== pid || this.#last.startTime !== startTime) this.#last = new ServingProcess(pid, startTime)
    return this.#last
  }

  /** Whether anything is mounted on `path` (latin1). What is mounted there is asked nothing. */
  #isMountpoint(path: string): boolean {
    this.#below ??= mountIdOf(this.places.snapshots)
    const own = mountIdOf(path)
    return own !== null && own !== this.#below
  }

  /**
   * Takes the mount away once the caller has its answer, whoever still has a copy of it; resolves when whoever serves
   * it has let go of its directories, or after a while.
   */
  async drop(id: number): Promise<void> {
    const server = this.#served.get(id)
    if (server === undefined) return
    this.#served.delete(id)
    const mountpoint = this.places.merged(id)
    await turn()
    const result = detach(mountpoint, true)
    if (typeof result !== 'number') this.log('warn', result.message)
    const directory = runDirectory()
    const socket = directory === null ? null : this.#socketOf(directory, id, server.pid)
    // Without an engine there is none.
    if (socket !== null && existsSync(socket) && server.isAlive) await untilGone(socket, null, PATIENCE_MS)
  }

  /**
   * Everything below the root that is mounted, as the kernel has it. What is dead is taken away. `waiting`: what has no
   * engine yet, and is in no state file.
   */
  find(waiting: ReadonlyMap<string, number>): number[] {
    const served = new Map(listMounts().map(({ state }) => [state.device, state]))
    for (const entry of readMounts()) {
      const place = this.places.parse(entry.mountpoint)
      if (place?.place !== 'merged') continue
      const state = served.get(entry.device)
      const host = waiting.get(entry.mountpoint)
      const startTime = state?.startTime ?? (host === undefined ? '' : startTimeOf(host))
      this.#served.set(place.id, this.#process(state?.pid ?? host ?? -1, startTime))
      if (state !== undefined || host !== undefined || !isOurType(entry)) continue
      this.log('warn', 'a mount without a server is taken away', { mountpoint: shown(entry.mountpoint) })
      void this.drop(place.id)
    }
    return [...this.#served.keys()]
  }
}

/** A snapshot that was made long ago may have none. */
function makeMountpoint(path: string): void {
  if (existsSync(pathBytes(path))) return
  mkdirSync(pathBytes(path), { recursive: true, mode: 0o700 })
}

function mountIdOf(path: string): string | null {
  const id = withFd(
    native.openat(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0),
    (fd) => readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1').match(/^mnt_id:\s*(\d+)/m)?.[1],
  )
  return typeof id === 'string' ? id : null
}
