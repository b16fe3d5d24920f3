/**
 * Connections over which a host is sent the devices of mounts that somebody else has made. A device that was sent is in
 * the kernel's hands until it is taken here: whoever sent it may die meanwhile, and the mount stays.
 *
 * Node reads whatever comes over a connection of its own, and descriptors get lost on the way. So the connection is
 * taken out of its hands: a second descriptor of it is made by sending it to ourselves, and Node's is closed.
 */
import { native } from '../../syscalls/native.js'
import { OwnedFd } from '../../syscalls/owned-fd.js'
import type { HostLine } from './host-line.js'

/** What the addon wants room for: the number of descriptors, and as many as one message may have. */
const SLOTS = 9
const READY = Buffer.from('ready\0')

export class HostChannels {
  readonly #sockets = new Map<string, OwnedFd>()

  /** `line` is the channel `token` from now on. */
  open(token: string, line: HostLine): void {
    const socket = secondOf(line.handle)
    line.destroy()
    if (socket === null) return
    this.close(token)
    this.#sockets.set(token, socket)
    native.sendFds(socket.fd, READY, new Int32Array())
  }

  /** The next device; null: none has come. */
  take(token: string): OwnedFd | null {
    const socket = this.#sockets.get(token)
    return socket === undefined ? null : received(socket.fd)
  }

  /** Whoever sent has gone: so does what nobody has taken. */
  close(token: string): void {
    this.#sockets.get(token)?.close()
    this.#sockets.delete(token)
  }
}

function received(socket: number): OwnedFd | null {
  const fds = new Int32Array(SLOTS)
  const got = native.receiveFds(socket, new Uint8Array(1), fds, false, false)
  return got === 1 && fds[0] === 1 ? new OwnedFd(fds[1]!) : null
}

function secondOf(fd: number): OwnedFd | null {
  const pair = new Int32Array(2)
  if (fd < 0 || native.socketPair(false, pair) < 0) return null
  const [from, to] = [new OwnedFd(pair[0]!), new OwnedFd(pair[1]!)]
  const isSent = native.sendFds(from.fd, new Uint8Array(1), Int32Array.of(fd)) === 1
  const second = isSent ? received(to.fd) : null
  from.close()
  to.close()
  return second
}
