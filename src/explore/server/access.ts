/**
 * Who may ask: whoever was given the address with its token, once; then the browser that used it, by a cookie that no
 * script can read and no other site can send. A request by another host name is refused, so that a page elsewhere whose
 * name is made to mean 127.0.0.1 learns nothing.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

const TOKEN_BYTES = 24

type Verdict =
  /** The token was right: this browser gets the cookie. */
  | { readonly kind: 'enter'; readonly cookie: string }
  | { readonly kind: 'known' }
  | { readonly kind: 'refused'; readonly reason: string }

const TAKEN = 'this address has been opened already, or its token is wrong: take the one that stratafs explore printed'

export class Access {
  /** Null once it was used. */
  #token: string | null = secret()
  readonly #session = secret()
  #cookie = ''
  #hosts: readonly string[] = []

  /** What the server answers to: the address and port it got. */
  listensOn(host: string, port: number): void {
    const names = ['127.0.0.1', 'localhost', '[::1]', host.includes(':') ? `[${host}]` : host]
    this.#hosts = names.map((name) => `${name}:${port}`)
    // Cookies are for all ports of a host.
    this.#cookie = `stratafs-${port}`
  }

  /** For the address that is printed; null once it was used. */
  get token(): string | null {
    return this.#token
  }

  judge(request: IncomingMessage, token: string | null): Verdict {
    const { host, 'sec-fetch-site': site } = request.headers
    if (host === undefined || !this.#isOurs(host.toLowerCase(), request))
      return { kind: 'refused', reason: 'this host name is not served here' }
    if (site === 'cross-site' || site === 'same-site')
      return { kind: 'refused', reason: 'requests of other sites are not served here' }
    if (this.#hasCookie(request)) return { kind: 'known' }
    if (token === null || this.#token === null || !isSame(token, this.#token)) return { kind: 'refused', reason: TAKEN }
    this.#token = null
    return { kind: 'enter', cookie: `${this.#cookie}=${this.#session}; Path=/; HttpOnly; SameSite=Strict` }
  }

  /** By a name of this machine's own, or by the very address that the request came to: those no other site can mean. */
  #isOurs(host: string, { socket }: IncomingMessage): boolean {
    const local = (socket.localAddress ?? '').replace(/^::ffff:/, '')
    const own = `${local.includes(':') ? `[${local}]` : local}:${socket.localPort}`
    return this.#hosts.includes(host) || host === own
  }

  #hasCookie({ headers }: IncomingMessage): boolean {
    const pairs = (headers.cookie ?? '').split(/; */).map((pair) => pair.split(/=(.*)/s))
    return pairs.some(([name, value = '']) => name === this.#cookie && isSame(value, this.#session))
  }
}

function secret(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url')
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}
