/**
 * A live mount, told as it happens: server-sent events with what the upper gained and lost and the requests by kind.
 * Nothing is looked at while nobody listens, and looking takes a fifth of one processor at most.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { shown } from '../../base/text.js'
import { type MountStats, stats } from '../../library/mount.js'
import type { Explorer } from '../explorer.js'
import { LiveMount } from '../live-mount.js'
import type { LiveNews } from '../views/types.js'
import { beginStream, sendText } from './send.js'

/** Between two looks, in milliseconds. */
const PERIOD_MS = 400
/** Changes that are told one by one. */
const MOST = 200

export class LiveFeed {
  readonly #listeners = new Set<ServerResponse>()
  readonly #mount: LiveMount
  #timer: NodeJS.Timeout | null = null
  #requests: ReadonlyMap<string, number> | null = null

  constructor(private readonly explorer: Explorer) {
    this.#mount = new LiveMount(explorer)
  }

  /** Adds a listener. */
  join(request: IncomingMessage, response: ServerResponse): void {
    if (this.explorer.source.merged === null) return sendText(response, 404, 'this is no live mount')
    beginStream(response, 'text/event-stream')
    response.write('retry: 1000\n\n')
    this.#listeners.add(response)
    request.once('close', () => this.#listeners.delete(response))
    this.#timer ??= setTimeout(() => void this.#tick(), 0)
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    for (const response of this.#listeners) response.end()
    this.#listeners.clear()
  }

  async #tick(): Promise<void> {
    const news = await this.#news()
    for (const response of this.#listeners) response.write(`data: ${JSON.stringify(news)}\n\n`)
    this.#timer = null
    if (this.#listeners.size === 0) return
    this.#timer = setTimeout(() => void this.#tick(), PERIOD_MS)
  }

  async #news(): Promise<LiveNews> {
    const changes = this.#mount.look()
    const { index, source } = this.explorer
    const top = source.layers.length - 1
    const [bytes, entries] = index.sql('SELECT bytes, entries FROM layers WHERE layer = ?').raw().get(top) as number[]
    const told = changes.slice(0, MOST).map(({ path, ...change }) => ({ ...change, path: `/${shown(path)}` }))
    const upper = { entries: entries ?? 0, bytes: bytes ?? 0 }
    return { at: Date.now() / 1000, upper, changes: told, more: changes.length - told.length, ...(await this.#asked()) }
  }

  async #asked(): Promise<Pick<LiveNews, 'requests' | 'copyUps' | 'fault'>> {
    try {
      const found = await stats(Buffer.from(this.explorer.source.merged!, 'latin1'))
      const all = countsOf(found)
      const before = this.#requests ?? all
      this.#requests = all
      const requests = [...all].map(([kind, count]) => ({ kind, now: count - (before.get(kind) ?? 0), all: count }))
      requests.sort((a, b) => b.all - a.all)
      return { requests, copyUps: found.copyUps, fault: null }
    } catch (error) {
      return { requests: [], copyUps: 0, fault: (error as Error).message }
    }
  }
}

function countsOf({ byKind }: MountStats): Map<string, number> {
  return new Map(
    Object.entries(byKind).map(([kind, count]) => [kind, typeof count === 'number' ? count : count.requests]),
  )
}
