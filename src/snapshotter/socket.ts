/**
 * The socket: what a killed snapshotter left of it is taken away, one that somebody listens on is not. It is root's
 * alone, because whoever can call has mounts made.
 */
import { chmodSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { errorWords } from '../base/errno-words.js'
import { StratafsError } from '../base/failure.js'

/** Longest path of a unix socket in bytes. */
const LONGEST = 107

/** Makes room for a socket at `path` (text, absolute). Throws StratafsError. */
export async function makeRoom(option: string, path: string): Promise<void> {
  if (!path.startsWith('/') || Buffer.byteLength(path) > LONGEST)
    throw new StratafsError(
      `${option} ${path}`,
      'INVALID_ARGUMENT',
      `name an absolute path of ${LONGEST} bytes at most`,
    )
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o711 })
    const there = statSync(path, { throwIfNoEntry: false })
    if (there === undefined) return
    if (!there.isSocket()) throw new StratafsError(`${option} ${path} is there, and no socket`, 'EXISTS')
  } catch (error) {
    if (error instanceof StratafsError) throw error
    throw new StratafsError(`${option} ${path} cannot be made: ${errorWords(error)}`)
  }
  if (await answers(path))
    throw new StratafsError(`${option} ${path} is listened on already`, 'IN_USE', 'end that one first')
  rmSync(path, { force: true })
}

/** Closes it to everybody but root. */
export function closeToOthers(path: string): void {
  chmodSync(path, 0o600)
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
