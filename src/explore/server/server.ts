/**
 * The explorer's server: the page, the views as JSON, contents, and what a live mount does as server-sent events. It
 * serves this machine's user only (access.ts), and only answers: nothing can be changed through it.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { StratafsError } from '../../base/failure.js'
import type { Explorer } from '../explorer.js'
import { Query } from '../views/query.js'
import { Access } from './access.js'
import { sendContent } from './contents.js'
import { LiveFeed } from './live-feed.js'
import { pageFile } from './page-files.js'
import { send, sendJson, sendText } from './send.js'

interface ServerOptions {
  /** 127.0.0.1 where not given. */
  readonly host?: string | undefined
  /** One that is free where not given. */
  readonly port?: number | undefined
}

export class ExploreServer {
  readonly #access = new Access()
  readonly #sockets = new Set<Socket>()
  readonly #server: Server
  readonly #feed: LiveFeed
  #origin = ''

  private constructor(private readonly explorer: Explorer) {
    this.#feed = new LiveFeed(explorer)
    this.#server = createServer((request, response) => void this.#serve(request, response))
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  /** Begins to serve. Throws StratafsError where the address cannot be had. */
  static async start(explorer: Explorer, { host = '127.0.0.1', port = 0 }: ServerOptions = {}): Promise<ExploreServer> {
    const server = new ExploreServer(explorer)
    server.#server.listen(port, host)
    try {
      await once(server.#server, 'listening')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      throw new StratafsError(`--address ${host}:${port} cannot be served: ${code}: choose another`, 'IN_USE')
    }
    const got = server.#server.address() as AddressInfo
    server.#access.listensOn(host, got.port)
    server.#origin = `http://${host.includes(':') ? `[${host}]` : host}:${got.port}`
    return server
  }

  /** The address to open, with the token that opens it once. */
  get url(): string {
    const { token } = this.#access
    return `${this.#origin}/${token === null ? '' : `?token=${token}`}`
  }

  async close(): Promise<void> {
    this.#feed.close()
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = '/', query = ''] = (request.url ?? '/').split(/\?(.*)/s)
    const token = /(?:^|&)token=([^&]*)/.exec(query)?.[1] ?? null
    const verdict = this.#access.judge(request, token)
    if (verdict.kind === 'refused') return sendText(response, 403, verdict.reason)
    if (request.method !== 'GET' && request.method !== 'HEAD') return sendText(response, 405, 'only GET is served here')
    if (verdict.kind === 'enter' || (token !== null && path === '/')) {
      const cookie: Record<string, string> = verdict.kind === 'enter' ? { 'Set-Cookie': verdict.cookie } : {}
      return send(response, 303, 'text/plain; charset=utf-8', '', { Location: '/', ...cookie })
    }
    try {
      await this.#answer(path, query, request, response)
    } catch (error) {
      fail(response, error)
    }
  }

  async #answer(path: string, query: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const file = pageFile(path)
    if (file !== null) return send(response, 200, file.type, file.bytes)
    if (path === '/api/live') return this.#feed.join(request, response)
    if (path === '/api/content') return sendContent(this.explorer, Query.parse(`content?${query}`), response)
    if (path === '/api/hash') {
      void this.explorer.filling.hash().catch(() => {})
      return sendJson(response, 202, { begun: true })
    }
    if (!path.startsWith('/api/')) return sendText(response, 404, 'there is nothing of this name')
    sendJson(response, 200, this.explorer.view(`${path.slice('/api/'.length)}?${query}`))
  }
}

const STATUS: Readonly<Record<string, number>> = { NOT_FOUND: 404, INVALID_ARGUMENT: 400 }

function fail(response: ServerResponse, error: unknown): void {
  if (response.headersSent) return void response.destroy()
  const isKnown = error instanceof StratafsError
  const words = isKnown ? error.message : `unexpected: ${(error as Error).message}`
  sendJson(response, isKnown ? (STATUS[error.code] ?? 500) : 500, { error: words })
}
