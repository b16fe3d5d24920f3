/**
 * The daemon's side of the control socket. It runs on the main thread and answers from what the engine's thread tells,
 * so a question never touches the mount itself. A peer that sends nonsense is answered and kept; one that floods is cut
 * off.
 */
import { rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { type ControlReply, type ControlRequest, lineReader, parseRequest } from './control-protocol.js'

/** Who asks: one connection. */
export interface Peer {
  /** `then` is called when the connection has ended, however it did. */
  onGone(then: () => void): void
}

/** A socket that is listened on. */
export interface ControlServer {
  /** Ends it, and every conversation: whoever waits for the mount's end learns it so. */
  close(): void
}

/** Answers one request. */
type Answer = (request: ControlRequest, peer: Peer) => Promise<ControlReply>

/** Listens on `path`; in a directory that only we can enter, so its own mode does not matter. */
export async function listen(path: string, answer: Answer): Promise<ControlServer> {
  rmSync(path, { force: true })
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    converse(socket, answer)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  const close = (): void => {
    server.close()
    for (const socket of open) socket.destroy()
  }
  return { close }
}

function converse(socket: Socket, answer: Answer): void {
  const peer: Peer = { onGone: (then) => (socket.destroyed ? then() : void socket.once('close', then)) }
  const reader = lineReader(async (line) => {
    const reply = await replyTo(line, answer, peer)
    if (!socket.destroyed) socket.write(`${JSON.stringify(reply)}\n`)
  })
  socket.setEncoding('utf8')
  socket.on('data', (chunk) => {
    if (!reader(String(chunk))) socket.destroy()
  })
  // A peer that goes away is no event for us.
  socket.on('error', () => socket.destroy())
  socket.unref()
}

const COMMANDS = 'inspect, stats, which, owners, index, level, snapshot, restore, forget, hold, release, end'

async function replyTo(line: string, answer: Answer, peer: Peer): Promise<ControlReply> {
  const request = parseRequest(line)
  if (request === null) return { ok: false, error: `unknown request: commands are ${COMMANDS}` }
  try {
    return await answer(request, peer)
  } catch (error) {
    return { ok: false, error: String(error) }
  }
}
