/** A connection to the host: words to it, words from it (src/daemon/host/host-line.ts has the other end). */
import { connect, type Socket } from 'node:net'
import { handleOf } from '../../daemon/host/socket-handle.js'
import { native } from '../../syscalls/native.js'

const PATIENCE_MS = 30_000

export class HostTalk {
  /** The host's pid. */
  readonly peer: number
  #text = ''
  readonly #words: string[] = []
  #heard: () => void = () => {}

  /** Null where nobody listens on `path`. */
  static open(path: string): Promise<HostTalk | null> {
    return new Promise((resolve) => {
      const socket = connect(path)
      socket.once('connect', () => resolve(new HostTalk(socket)))
      socket.once('error', () => resolve(null))
    })
  }

  private constructor(private readonly socket: Socket) {
    this.peer = Number.parseInt(String(native.peerOf(handleOf(socket))), 10)
    socket.setEncoding('latin1')
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#heard())
    socket.on('data', (chunk) => {
      const words = (this.#text + String(chunk)).split('\0')
      this.#text = words.pop()!
      this.#words.push(...words)
      this.#heard()
    })
  }

  /** The connection's descriptor; -1: it is closed. */
  get handle(): number {
    return handleOf(this.socket)
  }

  get isOpen(): boolean {
    return !this.socket.destroyed
  }

  say(words: readonly string[]): void {
    this.socket.write(`${words.join('\0')}\0`, 'latin1')
  }

  /** The next word; null where the host has gone, or is silent for too long. */
  async word(): Promise<string | null> {
    if (this.#words.length === 0 && this.isOpen)
      await new Promise<void>((resolve) => {
        const late = setTimeout(() => this.socket.destroy(), PATIENCE_MS)
        this.#heard = () => {
          clearTimeout(late)
          resolve()
        }
      })
    return this.#words.shift() ?? null
  }

  close(): void {
    this.socket.end()
  }
}
