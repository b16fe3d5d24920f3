/**
 * One connection to a host. A launcher sends its call and hears what a background process of its own would have said
 * (native-bindings/src/launch-host.c, launch-daemon.c); `stratafs host` asks for the status or the end. Words are
 * latin1, each ended by a NUL.
 */
import type { Socket } from 'node:net'
import { handleOf } from './socket-handle.js'

/** A launcher's call: arguments as they were given, relative paths from `cwd`. */
export interface HostCall {
  readonly cwd: string
  /** The name the program was called by. */
  readonly name: string
  readonly args: readonly string[]
}

/** Says one word to the caller; false where it has gone. */
export type Say = (word: string) => boolean

export type HostRequest =
  | { readonly kind: 'mount'; readonly call: HostCall }
  /** The mount gets its engine when somebody asks it something. */
  | { readonly kind: 'defer'; readonly call: HostCall }
  /** A command about mounts that are there. */
  | { readonly kind: 'run'; readonly call: HostCall }
  /** As `defer`, for a mount that stands: its device has come over the channel `token`. */
  | { readonly kind: 'take'; readonly token: string; readonly call: HostCall }
  /** What comes from now on are devices, for calls of another connection. */
  | { readonly kind: 'channel'; readonly token: string }
  | { readonly kind: 'status' | 'stop' }
  /** Another version is to follow: the format of the state that it takes, and its command. */
  | { readonly kind: 'upgrade'; readonly format: number; readonly command: readonly string[] }

/** Longest call in bytes: what execve(2) takes at most, by default. */
const LONGEST = 2 << 20
/** A caller has so long to send its call. */
const PATIENCE_MS = 10_000

export class HostLine {
  #text = ''
  #isUndone = false
  #heard: ((request: HostRequest | null) => void) | null = null
  /** What came before somebody wanted it. */
  readonly #early: HostRequest[] = []
  readonly #closed: Promise<void>

  constructor(private readonly socket: Socket) {
    socket.setEncoding('latin1')
    socket.on('error', () => socket.destroy())
    this.#closed = new Promise((resolve) => socket.once('close', () => resolve()))
    socket.on('data', (chunk) => this.#take(String(chunk)))
    socket.once('close', () => this.#heard?.(null))
  }

  /** The request, once all of it is there; null where none comes in time. */
  request(patience = PATIENCE_MS): Promise<HostRequest | null> {
    const early = this.#early.shift()
    if (early !== undefined || this.socket.destroyed) return Promise.resolve(early ?? null)
    return new Promise((resolve) => {
      const heard = (request: HostRequest | null) => {
        clearTimeout(late)
        this.#heard = null
        resolve(request)
      }
      const late = Number.isFinite(patience) ? setTimeout(heard, patience, null) : undefined
      this.#heard = heard
    })
  }

  #take(chunk: string): void {
    this.#text += chunk
    if (this.#text.length > LONGEST) return void this.socket.destroy()
    if (this.#text.endsWith('undo\0')) this.#isUndone = true
    for (let next = parse(this.#text); next !== null; next = parse(this.#text)) {
      this.#text = next.rest
      this.#early.push(next.request)
    }
    if (this.#early.length > 0) this.#heard?.(this.#early.shift()!)
  }

  /** One word to the caller; false where it has gone. */
  say(word: string, encoding: 'latin1' | 'utf8' = 'utf8'): boolean {
    if (this.socket.destroyed) return false
    this.socket.write(`${word}\0`, encoding)
    return true
  }

  /** False once the caller has gone. */
  get isOpen(): boolean {
    return !this.socket.destroyed
  }

  /** The last word; then waits for the caller to go. False where it took the mount back. */
  async finish(word: string, encoding: 'latin1' | 'utf8' = 'utf8'): Promise<boolean> {
    this.say(word, encoding)
    await this.#closed
    return !this.#isUndone
  }

  /** The last word, after which nothing is heard. */
  end(word: string): void {
    if (!this.socket.destroyed) this.socket.end(`${word}\0`)
  }

  destroy(): void {
    this.socket.destroy()
  }

  /** The connection's descriptor; -1: it is closed. */
  get handle(): number {
    return handleOf(this.socket)
  }
}

/** The first request in `text`, and what is behind it. */
function parse(text: string): { readonly request: HostRequest; readonly rest: string } | null {
  const words = text.split('\0')
  const [kind, first, name, count] = words
  // The last one is not ended yet, or empty. What names no length never is a request.
  const taken = (length: number, request: HostRequest) =>
    words.length > length ? { request, rest: words.slice(length).join('\0') } : null
  if (kind === 'status' || kind === 'stop') return taken(1, { kind })
  if (kind === 'channel' && first !== undefined) return taken(2, { kind, token: first })
  if (kind === 'upgrade') {
    const length = 3 + countOf(name)
    return taken(length, { kind, format: Number(first), command: words.slice(3, length) })
  }
  if (first === undefined || name === undefined || count === undefined) return null
  const length = 4 + countOf(count)
  const args = words.slice(4, length)
  if (kind === 'take') return taken(length, { kind, token: first, call: { cwd: '/', name, args } })
  if (kind !== 'mount' && kind !== 'defer' && kind !== 'run') return null
  return taken(length, { kind, call: { cwd: first, name, args } })
}

function countOf(word: string | undefined): number {
  return word !== undefined && /^\d+$/.test(word) ? Number(word) : Number.NaN
}
