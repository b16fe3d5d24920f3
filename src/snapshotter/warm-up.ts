/**
 * Code that has run some hundred times is several times as fast, here and in the host. A snapshotter lives for weeks,
 * but its first calls are those that somebody waits for, after a reboot or an update. So a new one calls itself, in a
 * root of its own that nobody else sees, and holds still while others call. The first mount brings the host with it.
 */
import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../base/log.js'
import { pathBytes, shown } from '../base/text.js'
import { Containerd } from './diff/containerd.js'
import type { MountClient } from './mounts/mount-client.js'
import { Places } from './mounts/places.js'
import { Quiet } from './mounts/quiet.js'
import { Spares } from './mounts/spares.js'
import { Trash } from './mounts/trash.js'
import { Unions } from './mounts/unions.js'
import { openDatabase } from './records/database.js'
import { Records } from './records/records.js'
import { Kind } from './records/snapshot.js'
import { SNAPSHOTS, snapshotsService } from './service/snapshots-service.js'
import { Snapshotter } from './service/snapshotter.js'
import { listenOn } from './socket.js'
import type { Observe } from './wire/handlers.js'

/** Enough for V8 to have compiled what is used; a second's work. */
const ROUNDS = 400
/** Further layers change nothing. */
const LAYERS = 3
/** What has not become warm by then becomes so by itself. */
const PATIENCE_MS = 20_000
/** It begins, and goes on, once others were silent for so long. */
const SILENCE_MS = 500

const NOBODY = { namespace: '', lease: '' }

export class WarmUp {
  #isWanted = true
  #lastCall = performance.now()
  #running: Promise<void> = Promise.resolve()

  /** `temporary` (latin1): the directory that it is done in. */
  constructor(
    private readonly temporary: string,
    private readonly client: MountClient,
    private readonly log: Log,
  ) {}

  /** Hears of what others call. */
  readonly observe: Observe = () => {
    this.#lastCall = performance.now()
  }

  begin(): void {
    // Each mount would be a process of its own.
    if (!this.client.hasHost || process.env.STRATAFS_WARM_UP === 'off') return
    const say = (error: unknown) => this.log('debug', 'the first calls will be slow', { error: String(error) })
    this.#running = this.#run().catch(say)
  }

  /** Resolves when nothing of it is left. */
  end(): Promise<void> {
    this.#isWanted = false
    return this.#running
  }

  async #run(): Promise<void> {
    await this.#silence()
    if (!this.#isWanted) return
    const root = `${this.temporary}/warm-up`
    const places = Places.at(root)
    const records = new Records(openDatabase(places.database))
    const silent: Log = () => {}
    const quiet = new Quiet()
    const trash = new Trash(places, quiet, silent)
    const spares = new Spares(places.temporary, quiet)
    const unions = new Unions(places, this.client, silent)
    const snapshotter = new Snapshotter({ places, records, unions, spares, trash, log: silent, mode: 'bind' })
    const address = shown(`${root}/s.sock`)
    const handling = { log: silent, observe: () => quiet.heard() }
    const server = await listenOn(address, { [SNAPSHOTS]: snapshotsService(snapshotter, handling) })
    const self = new Containerd(address)
    try {
      await this.#call(self, makeLayers(snapshotter))
    } finally {
      self.close()
      server.forceShutdown()
      for (const { key } of records.all().reverse()) await snapshotter.remove(key)
      spares.end()
      await trash.empty()
      records.close()
      rmSync(pathBytes(root), { recursive: true, force: true })
    }
  }

  async #call(self: Containerd, parent: string): Promise<void> {
    const ask = (method: string, request: object) => self.ask(SNAPSHOTS, method, request, NOBODY)
    const late = performance.now() + PATIENCE_MS
    // A host without any mount might go.
    await ask('Prepare', { key: 'first', parent })
    for (let round = 0; round < ROUNDS && performance.now() < late; round++) {
      await this.#silence()
      if (!this.#isWanted) return
      const key = `round-${round}`
      await ask('Prepare', { key, parent })
      await ask('Mounts', { key })
      await ask('Stat', { key: parent })
      await ask('Remove', { key })
    }
  }

  /** Until nobody else has called for a while. */
  async #silence(): Promise<void> {
    for (let left = 1; this.#isWanted && left > 0; ) {
      left = this.#lastCall + SILENCE_MS - performance.now()
      if (left > 0) await sleep(Math.min(left, SILENCE_MS / 5))
    }
  }
}

/** Layers of nothing; the key of the topmost. */
function makeLayers({ parts: { records, places, spares } }: Snapshotter): string {
  let top = ''
  for (let i = 0; i < LAYERS; i++) {
    records.create(Kind.ACTIVE, `new-${i}`, top, {}, ({ id, parent }) => places.make(id, parent?.id ?? null, spares))
    records.commit(`new-${i}`, `layer-${i}`, '', {}, { inodes: 1, size: 4096 })
    top = `layer-${i}`
  }
  return top
}
