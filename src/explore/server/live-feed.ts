/**
 * A live mount, told as it happens: server-sent events with what the upper gained and lost and the requests by kind.
 * Nothing is looked at while nobody listens, and looking takes a fifth of one processor at most.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { shown } from '../../base/text.js'
import { type MountStats, stats } from '../../library/mount.js'
import { type UpperChange, UpperWatch } from '../database/upper-watch.js'
import type { Explorer } from '../explorer.js'
import type { LiveNews } from '../views/types.js'
import { beginStream, sendText } from './send.js'

/** Between two looks, in milliseconds; so many times as long as one takes, at least. */
const PERIOD_MS = 400
const SHARE = 5
/** Changes that are told one by one. */
const MOST = 200

export class LiveFeed {
  readonly #listeners = new Set<ServerResponse>()
  #timer: NodeJS.Timeout | null = null
  #watch: UpperWatch | null = null
  #requests: ReadonlyMap<string, number> | null = null
  #isJudged = true
  #judging = false

  constructor(private readonly explorer: Explorer) {}

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
    const begun = performance.now()
    const news = await this.#news()
    for (const response of this.#listeners) response.write(`data: ${JSON.stringify(news)}\n\n`)
    const took = performance.now() - begun
    this.#timer = null
    if (this.#listeners.size === 0) return
    this.#timer = setTimeout(() => void this.#tick(), Math.max(PERIOD_MS, took * SHARE))
  }

  async #news(): Promise<LiveNews> {
    const changes = this.#changes()
    this.#judge(changes.length > 0)
    const { index, source } = this.explorer
    const top = source.layers.length - 1
    const [bytes, entries] = index.sql('SELECT bytes, entries FROM layers WHERE layer = ?').raw().get(top) as number[]
    const told = changes.slice(0, MOST).map(({ path, ...change }) => ({ ...change, path: `/${shown(path)}` }))
    const upper = { entries: entries ?? 0, bytes: bytes ?? 0 }
    return { at: Date.now() / 1000, upper, changes: told, more: changes.length - told.length, ...(await this.#asked()) }
  }

  #changes(): UpperChange[] {
    const { filling, source } = this.explorer
    const top = source.layers.length - 1
    const content = source.layers[top]?.content
    if (content?.kind !== 'directory' || !content.upper || !filling.isComplete) return []
    this.#watch ??= new UpperWatch(filling, top, content.root)
    return this.#watch.look()
  }

  /** What hides what is worked out anew beside the rest, as often as it can be. */
  #judge(isChanged: boolean): void {
    this.#isJudged &&= !isChanged
    if (this.#isJudged || this.#judging) return
    this.#isJudged = true
    this.#judging = true
    void this.explorer.filling
      .judge()
      .catch(() => {})
      .finally(() => {
        this.#judging = false
      })
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
