/**
 * A second connection to the host, over which it is sent the devices of mounts that are made here. What is sent is the
 * host's from that moment on, also when this process dies in the next one.
 */
import { randomBytes } from 'node:crypto'
import { closeSync } from 'node:fs'
import { StratafsError } from '../../base/failure.js'
import { type AttachPlan, attach, detach } from '../../daemon/mount/mounter.js'
import { native } from '../../syscalls/native.js'
import { HostTalk } from './host-talk.js'

const ONE_BYTE = new Uint8Array(1)

export class DeviceChannel {
  /** Null where the host does not open one. */
  static async open(path: string): Promise<DeviceChannel | null> {
    const talk = await HostTalk.open(path)
    if (talk === null) return null
    const token = randomBytes(8).toString('hex')
    talk.say(['channel', token])
    if ((await talk.word()) === 'ready') return new DeviceChannel(talk, token)
    talk.close()
    return null
  }

  private constructor(
    private readonly talk: HostTalk,
    /** By which calls over the other connection name it. */
    readonly token: string,
  ) {}

  get isOpen(): boolean {
    return this.talk.isOpen
  }

  /** Mounts, and sends the device. False where either cannot be done, and nothing is mounted. */
  send(plan: AttachPlan): boolean {
    const attached = attach(plan)
    if (attached instanceof StratafsError) return false
    const { fd } = attached
    const sent = native.sendFds(this.talk.handle, ONE_BYTE, Int32Array.of(fd))
    closeSync(fd)
    if (sent === 1) return true
    detach(plan.mountpoint, true)
    return false
  }

  close(): void {
    this.talk.close()
  }
}
