/**
 * The socket: what a killed snapshotter left of it is taken away, one that somebody listens on is not. It is root's
 * alone, because whoever can call has mounts made.
 */
import { chmodSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js'
import { errorWords } from '../base/errno-words.js'
import { StratafsError } from '../base/failure.js'
import { serviceOf } from './wire/protos.js'
import { wholeAnswers } from './wire/whole-answers.js'

/** As many bytes as containerd puts into a message at most. */
const LONGEST_MESSAGE = 16 << 20
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

/** A server of `services`, by name, at `address` (text), which nobody but root can connect to. Throws StratafsError. */
export async function listenOn(
  address: string,
  services: Readonly<Record<string, UntypedServiceImplementation>>,
): Promise<Server> {
  const server = new Server({
    'grpc.max_receive_message_length': LONGEST_MESSAGE,
    'grpc.max_send_message_length': LONGEST_MESSAGE,
    // Nobody asks for it, and it is noted with every call.
    'grpc.enable_channelz': 0,
    interceptors: [wholeAnswers],
  })
  for (const [name, service] of Object.entries(services)) server.addService(serviceOf(name).service, service)
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${address}`, ServerCredentials.createInsecure(), (error) => {
      if (error === null) return resolve()
      reject(new StratafsError(`--address ${address} cannot be listened on: ${error.message}`))
    })
  })
  chmodSync(address, 0o600)
  return server
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
