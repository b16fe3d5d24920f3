/** The asking side of `hold`: a connection to the daemon that holds its mount still for as long as it is open. */
import { connect, type Socket } from 'node:net'
import { StratafsError } from '../../base/failure.js'
import { type ControlReply, type ControlRequest, lineReader } from './control-protocol.js'

export interface HeldMount {
  /** Lets the mount be served again; false when it had not stood still all the time. */
  release(): Promise<boolean>
}

/** Holds the mount of the daemon behind `socketPath`; or says why not. */
export async function holdMount(socketPath: string, seconds: number): Promise<HeldMount | StratafsError> {
  const conversation = new Conversation(connect(socketPath))
  const reply = await conversation.ask({ command: 'hold', seconds })
  if (!reply.ok) {
    conversation.end()
    return new StratafsError(reply.error, 'DAEMON_SILENT')
  }
  return {
    release: async () => {
      const released = await conversation.ask({ command: 'release' })
      conversation.end()
      return released.ok && (released.result as { whole: boolean }).whole
    },
  }
}

class Conversation {
  #answered: (reply: ControlReply) => void = () => {}
  #failure: ControlReply | null = null

  constructor(private readonly socket: Socket) {
    const reader = lineReader((line) => this.#answered(JSON.parse(line) as ControlReply))
    socket.setEncoding('utf8')
    socket.on('data', (chunk) => reader(String(chunk)))
    socket.on('error', (error) => this.#fail(`the daemon cannot be reached (${error.message})`))
    socket.on('close', () => this.#fail('the daemon ended'))
  }

  #fail(error: string): void {
    this.#failure ??= { ok: false, error }
    this.#answered(this.#failure)
  }

  ask(request: ControlRequest): Promise<ControlReply> {
    return new Promise((resolve) => {
      if (this.#failure !== null) return resolve(this.#failure)
      this.#answered = resolve
      this.socket.write(`${JSON.stringify(request)}\n`)
    })
  }

  end(): void {
    this.socket.destroy()
  }
}
