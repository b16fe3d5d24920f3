/** The asking side of the control socket: one question, one answer, never longer than its time. */
import { connect } from 'node:net'
import { StratafsError } from '../../base/failure.js'
import { type ControlReply, type ControlRequest, lineReader } from './control-protocol.js'

/** A little longer than the daemon waits for its engine. */
const PATIENCE_MS = 12_000

/** Nobody listens on the socket any more. */
const OVER = new Set(['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE'])

/**
 * The daemon's answer; a daemon that cannot be reached or says nothing is an error in the same shape. `patience` in
 * milliseconds.
 */
export function askDaemon(socketPath: string, request: ControlRequest, patience = PATIENCE_MS): Promise<ControlReply> {
  return new Promise((resolve) => {
    const socket = connect(socketPath)
    const finish = (reply: ControlReply) => {
      clearTimeout(late)
      socket.destroy()
      resolve(reply)
    }
    const late = setTimeout(() => finish({ ok: false, error: 'the daemon does not answer' }), patience)
    const reader = lineReader((line) => finish(parseReply(line)))
    socket.setEncoding('utf8')
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`))
    socket.on('data', (chunk) => reader(String(chunk)))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      finish({ ok: false, error: `the daemon cannot be reached (${error.code ?? error.message})` })
    })
    socket.on('close', () => finish({ ok: false, error: 'the daemon ended while it was asked' }))
  })
}

function parseReply(line: string): ControlReply {
  try {
    return JSON.parse(line) as ControlReply
  } catch {
    return { ok: false, error: 'the daemon answered nonsense' }
  }
}

/**
 * Sends `request`, if any, and waits until the daemon has gone: its process holds the connection for as long as it
 * lives, in whatever pid namespace. `gone` too where nobody listens any more; `late` after `milliseconds`; or why the
 * daemon cannot be asked, or refuses.
 */
export function untilGone(
  socketPath: string,
  request: ControlRequest | null,
  milliseconds: number,
): Promise<'gone' | 'late' | StratafsError> {
  return new Promise((resolve) => {
    const socket = connect(socketPath)
    const finish = (how: 'gone' | 'late' | StratafsError) => {
      clearTimeout(late)
      socket.destroy()
      resolve(how)
    }
    const late = setTimeout(() => finish('late'), milliseconds)
    socket.setEncoding('utf8')
    if (request !== null) socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`))
    const reader = lineReader((line) => {
      const reply = parseReply(line)
      if (!reply.ok) finish(new StratafsError(reply.error, 'DAEMON_SILENT'))
    })
    socket.on('data', (chunk) => reader(String(chunk)))
    socket.on('error', ({ code, message }: NodeJS.ErrnoException) =>
      finish(code !== undefined && OVER.has(code) ? 'gone' : new StratafsError(code ?? message, 'DAEMON_SILENT')),
    )
    socket.on('close', () => finish('gone'))
  })
}
