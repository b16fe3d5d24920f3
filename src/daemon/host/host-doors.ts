/** A host's mounts that have no engine yet: made, waited at, and served as the others once they are asked something. */
import { closeSync } from 'node:fs'
import { StratafsError } from '../../base/failure.js'
import type { Logger } from '../../base/log.js'
import { type Door, doors, makeDoor } from '../doors/doors.js'
import { detach } from '../mount/mounter.js'
import type { MountPlan } from '../options/mount-settings.js'
import { serveInBackground } from '../process/background-mount.js'
import { processSignals } from '../process/process-signals.js'
import type { HostLine } from './host-line.js'

interface Prepared {
  readonly plan: MountPlan
  readonly warnings: readonly string[]
}

/** There is nothing to be told of such a mount. */
const SILENT: Logger = { log: () => {}, level: () => 'error', setLevel: () => {}, close: () => {} }

export class HostDoors {
  readonly #closed = new Set<Door>()

  /** Of those that nobody has asked anything yet; latin1. */
  get mountpoints(): string[] {
    return [...this.#closed].map(({ plan }) => plan.mountpoint)
  }

  /** Mounts, says so, waits, serves: the exit code. */
  async serve({ plan, warnings }: Prepared, line: HostLine): Promise<number> {
    for (const warning of warnings) line.say(`say ${warning}`)
    const door = makeDoor(plan)
    if (door instanceof StratafsError) {
      line.say(`say ${door.message}`)
      line.say('exit 1')
      return 1
    }
    line.say(`ready ${door.plan.mountpoint}`, 'latin1')
    const request = await this.#first(door)
    if (request !== null) return this.#open(door, request)
    door.device.close()
    return 0
  }

  async #first(door: Door): Promise<Uint8Array | null> {
    this.#closed.add(door)
    const end = () => void detach(door.plan.mountpoint, true)
    const forget = processSignals.add({ logger: SILENT, end, logCounters: () => {} })
    try {
      return await doors.opened(door.device.fd)
    } finally {
      forget()
      this.#closed.delete(door)
    }
  }

  /** Where there can be no engine the mount goes, and whoever asks is told so by the kernel. */
  async #open({ plan, device, terms }: Door, request: Uint8Array): Promise<number> {
    const fd = device.release()
    const door = { fd, terms, request, isTaken: false }
    const order = { plan: { ...plan, door }, warnings: [], journal: false }
    const report = async (outcome: unknown): Promise<boolean> => {
      if (!(outcome instanceof StratafsError)) return true
      detach(plan.mountpoint, true)
      if (!door.isTaken) closeSync(fd)
      return false
    }
    return serveInBackground(order, report, { say: () => {}, isWanted: () => true })
  }
}
