/**
 * Mounts held still for somebody who reads their upper directory, such as a commit. One connection holds at a time, and
 * holds for as long as it lasts: one that ends, however it ends, lets go. A hold has a time limit of its own in the
 * engine's thread, so that nobody's mount stands still for ever because a reader hangs.
 */
import type { Log } from '../../base/log.js'
import type { EngineHandle, Held } from '../engine/engine-handle.js'
import type { ControlReply } from './control-protocol.js'
import type { Peer } from './control-server.js'

export class Freezer {
  readonly #held = new Map<Peer, Held>()

  constructor(
    private readonly engine: EngineHandle,
    private readonly log: Log,
  ) {}

  /** Holds the mount for `peer`. */
  async hold(seconds: number, peer: Peer): Promise<ControlReply> {
    if (this.#held.has(peer)) return { ok: false, error: 'the mount is held for you already' }
    const held = await this.engine.hold(seconds * 1000)
    if (held === null)
      return {
        ok: false,
        error: 'the mount cannot be held still: it is held by another, too busy, or served by fuse-native',
      }
    this.#held.set(peer, held)
    this.log('info', 'held still', { seconds })
    peer.onGone(() => this.#letGo(peer))
    return { ok: true, result: { held: true } }
  }

  /** Lets go. `whole`: it stood still all the time. */
  release(peer: Peer): ControlReply {
    const whole = this.#letGo(peer)
    return whole === null ? { ok: false, error: 'the mount is not held for you' } : { ok: true, result: { whole } }
  }

  #letGo(peer: Peer): boolean | null {
    const held = this.#held.get(peer)
    if (held === undefined) return null
    this.#held.delete(peer)
    const whole = held.release()
    this.log('info', 'served again', { whole })
    return whole
  }
}
