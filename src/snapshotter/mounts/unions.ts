/**
 * The mounts of snapshots: which there are, made when somebody needs one, made anew where whoever served it has died.
 * They are the host's, and live on when the snapshotter ends; the kernel's table and the state files tell of them.
 */
import { mkdirSync } from 'node:fs'
import type { Log } from '../../base/log.js'
import { pathBytes, shown } from '../../base/text.js'
import { untilGone } from '../../daemon/control/control-client.js'
import { detach } from '../../daemon/mount/mounter.js'
import { isOurType, readMounts } from '../../daemon/mount/mountinfo.js'
import { filesStem, listMounts, runDirectory, startTimeOf } from '../../daemon/mount/run-directory.js'
import { lowersOf } from './forms.js'
import type { MountClient } from './mount-client.js'
import type { Places } from './places.js'

/** What a snapshot's mount is made of. */
interface UnionWish {
  readonly id: number
  /** Ids of what lies below, top first. */
  readonly chain: readonly number[]
  readonly readOnly: boolean
  /** Further mount options. */
  readonly options: readonly string[]
}

/** Who serves a mount: the pid alone may have become another's. */
interface Server {
  readonly pid: number
  readonly startTime: string | null
}

/** A mount may take so long to write everything out. */
const PATIENCE_MS = 30_000

export class Unions {
  readonly #served = new Map<number, Server>()

  constructor(
    private readonly places: Places,
    private readonly client: MountClient,
    private readonly log: Log,
  ) {}

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

  /** The mount of `id`, made where it is not there. Throws StratafsError. */
  async ensure({ id, chain, readOnly, options }: UnionWish): Promise<string> {
    const mountpoint = this.places.merged(id)
    const server = this.#served.get(id)
    if (server !== undefined) {
      if (startTimeOf(server.pid) === server.startTime) return mountpoint
      this.log('warn', 'a mount had lost its server, and is made anew', { mountpoint: shown(mountpoint) })
      await this.drop(id)
    }
    mkdirSync(pathBytes(mountpoint), { recursive: true, mode: 0o700 })
    const pid = await this.client.mount({
      mountpoint,
      lowers: lowersOf(chain, this.places),
      upper: readOnly ? null : { path: this.places.fs(id), work: this.places.work(id) },
      // What is known of the layers is with the layers; a container needs no copy of all of it.
      options: ['index=immutable', 'index_fill=visited', ...options],
    })
    this.#served.set(id, { pid, startTime: startTimeOf(pid) })
    return mountpoint
  }

  /**
   * Takes the mount away at once, whoever still has a copy of it; resolves when whoever serves it has let go of its
   * directories, or after a while.
   */
  async drop(id: number): Promise<void> {
    const server = this.#served.get(id)
    if (server === undefined) return
    this.#served.delete(id)
    const mountpoint = this.places.merged(id)
    const result = detach(mountpoint, true)
    if (typeof result !== 'number') this.log('warn', result.message)
    const directory = runDirectory()
    if (directory === null || startTimeOf(server.pid) !== server.startTime) return
    await untilGone(this.#socketOf(directory, id, server.pid), null, PATIENCE_MS)
  }

  /** Everything below the root that is mounted, as the kernel has it. What is dead is taken away. */
  find(): number[] {
    const served = new Map(listMounts().map(({ state }) => [state.device, state]))
    for (const entry of readMounts()) {
      const place = this.places.parse(entry.mountpoint)
      if (place?.place !== 'merged') continue
      const state = served.get(entry.device)
      this.#served.set(place.id, { pid: state?.pid ?? -1, startTime: state?.startTime ?? '' })
      if (state !== undefined || !isOurType(entry)) continue
      this.log('warn', 'a mount without a server is taken away', { mountpoint: shown(entry.mountpoint) })
      void this.drop(place.id)
    }
    return [...this.#served.keys()]
  }
}
