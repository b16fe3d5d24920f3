/**
 * One connection to a host. A launcher sends its call and hears what a background process of its own would have said
 * (native-bindings/src/launch-host.c, launch-daemon.c); `stratafs host` asks for the status or the end. Words are
 * latin1, each ended by a NUL.
 */
import type { Socket } from 'node:net'

/** A launcher's call: arguments as they were given, relative paths from `cwd`. */
export interface HostCall {
  readonly cwd: string
  /** The name the program was called by. */
  readonly name: string
  readonly args: readonly string[]
}

type HostRequest =
  /** `defer`: the mount gets its engine when somebody asks it something. */
  | { readonly kind: 'mount' | 'defer'; readonly call: HostCall }
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
  #heard: (request: HostRequest | null) => void = () => {}
  readonly #closed: Promise<void>

  constructor(private readonly socket: Socket) {
    socket.setEncoding('latin1')
    socket.on('error', () => socket.destroy())
    this.#closed = new Promise((resolve) => socket.once('close', () => resolve()))
    socket.on('data', (chunk) => this.#take(String(chunk)))
    socket.once('close', () => this.#heard(null))
  }

  /** The request, once all of it is there; null where none comes in time. */
  request(patience = PATIENCE_MS): Promise<HostRequest | null> {
    return new Promise((resolve) => {
      const late = Number.isFinite(patience) ? setTimeout(() => resolve(null), patience) : undefined
      this.#heard = (request) => {
        clearTimeout(late)
        this.#heard = () => {}
        resolve(request)
      }
    })
  }

  #take(chunk: string): void {
    this.#text += chunk
    if (this.#text.length > LONGEST) return void this.socket.destroy()
    if (this.#text.endsWith('undo\0')) this.#isUndone = true
    const request = parse(this.#text)
    if (request === null) return
    this.#text = ''
    this.#heard(request)
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
}

function parse(text: string): HostRequest | null {
  const words = text.split('\0')
  const [kind, cwd, name, count] = words
  if (words.length < 2) return null
  if (kind === 'status' || kind === 'stop') return { kind }
  if (kind === 'upgrade') {
    const [, format, length, ...command] = words
    if (command.length <= Number(length)) return null
    return { kind, format: Number(format), command: command.slice(0, Number(length)) }
  }
  if ((kind !== 'mount' && kind !== 'defer') || cwd === undefined || name === undefined || count === undefined)
    return null
  const args = words.slice(4, -1)
  if (words.length < 5 || args.length < Number(count)) return null
  return { kind, call: { cwd, name, args: args.slice(0, Number(count)) } }
}
