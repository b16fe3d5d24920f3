/**
 * A live mount, told as it happens: server-sent events with what the upper gained and lost and the requests by kind.
 * Nothing is looked at while nobody listens. A change is told some hundredths of a second after it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { shown } from '../../base/text.js'
import { type MountStats, stats } from '../../library/mount.js'
import { listSnapshots } from '../../library/snapshots.js'
import type { UpperChange } from '../database/upper-watch.js'
import type { Explorer } from '../explorer.js'
import { LiveMount } from '../live-mount.js'
import type { LiveNews } from '../views/types.js'
import { beginStream, sendText } from './send.js'

/** Between two tellings where nothing happens, in milliseconds. */
const PERIOD_MS = 300
/** From a change to the look at it: what comes with it is told together. */
const GATHERING_MS = 20
/** The mount is asked for its requests so often. */
const ASKING_MS = 1_000
/** Changes that are told one by one. */
const MOST = 200

type Asked = Pick<LiveNews, 'requests' | 'copyUps' | 'snapshots' | 'fault'>

export class LiveFeed {
  readonly #listeners = new Set<ServerResponse>()
  readonly #mount: LiveMount
  #timer: NodeJS.Timeout | null = null
  #isSoon = false
  #counts: ReadonlyMap<string, number> | null = null
  #asked: Asked = { requests: [], copyUps: 0, snapshots: [], fault: null }
  /** Snapshots that the present stood on when the explorer began; null: not asked yet. */
  #stoodOn: string | null = null
  #askedAt = Number.NEGATIVE_INFINITY

  constructor(private readonly explorer: Explorer) {
    this.#mount = new LiveMount(explorer, () => this.#next(GATHERING_MS))
  }

  /** Adds a listener. */
  join(request: IncomingMessage, response: ServerResponse): void {
    if (this.explorer.source.merged === null) return sendText(response, 404, 'this is no live mount')
    beginStream(response, 'text/event-stream')
    response.write('retry: 1000\n\n')
    this.#listeners.add(response)
    request.once('close', () => this.#listeners.delete(response))
    this.#next(0)
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    for (const response of this.#listeners) response.end()
    this.#listeners.clear()
    this.#mount.close()
  }

  /** Looks after so many milliseconds, or when it would have done so anyway. */
  #next(after: number): void {
    if (this.#timer !== null && (this.#isSoon || after >= PERIOD_MS)) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#isSoon = after < PERIOD_MS
    this.#timer = setTimeout(() => this.#tick(), after)
  }

  #tick(): void {
    this.#timer = null
    this.#isSoon = false
    if (this.#listeners.size === 0) return
    const changes = this.#mount.look()
    this.#tell(changes)
    if (performance.now() - this.#askedAt >= ASKING_MS) void this.#ask()
    this.#next(PERIOD_MS)
  }

  #tell(changes: readonly UpperChange[]): void {
    const { index, source, filling } = this.explorer
    const top = source.layers.length - 1
    const [bytes, entries] = index.sql('SELECT bytes, entries FROM layers WHERE layer = ?').raw().get(top) as number[]
    const told = changes.slice(0, MOST).map(({ path, ...change }) => ({ ...change, path: `/${shown(path)}` }))
    const news: LiveNews = {
      at: Date.now() / 1000,
      version: filling.version,
      upper: { entries: entries ?? 0, bytes: bytes ?? 0 },
      changes: told,
      more: changes.length - told.length,
      ...this.#asked,
    }
    for (const response of this.#listeners) response.write(`data: ${JSON.stringify(news)}\n\n`)
  }

  /** Beside the rest: the mount may be busy, and a change is told before it answers. */
  async #ask(): Promise<void> {
    this.#askedAt = performance.now()
    const merged = Buffer.from(this.explorer.source.merged!, 'latin1')
    try {
      const found = await stats(merged)
      const all = countsOf(found)
      const before = this.#counts ?? all
      this.#counts = all
      const requests = [...all].map(([kind, count]) => ({ kind, now: count - (before.get(kind) ?? 0), all: count }))
      requests.sort((a, b) => b.all - a.all)
      const snapshots = snapshotsOf(merged)
      this.#asked = { requests, copyUps: found.copyUps, snapshots, fault: this.#faultOf(snapshots) }
    } catch (error) {
      this.#asked = { ...this.#asked, requests: [], copyUps: 0, fault: (error as Error).message }
    }
    this.#askedAt = performance.now()
  }

  /** A snapshot that came since is a layer that nobody has read. */
  #faultOf(snapshots: LiveNews['snapshots']): string | null {
    const standsOn = JSON.stringify(snapshots.filter(({ below }) => below).map(({ name }) => name))
    this.#stoodOn ??= standsOn
    return standsOn === this.#stoodOn ? null : 'The mount stands on other snapshots by now: begin the explorer anew. '
  }
}

/** None where there can be none: a mount without a workdir. */
function snapshotsOf(merged: Buffer): LiveNews['snapshots'] {
  try {
    return listSnapshots(merged)
  } catch {
    return []
  }
}

function countsOf({ byKind }: MountStats): Map<string, number> {
  return new Map(
    Object.entries(byKind).map(([kind, count]) => [kind, typeof count === 'number' ? count : count.requests]),
  )
}
