/** A host's mounts that have no engine yet: made, waited at, and served as the others once they are asked something. */
import { closeSync } from 'node:fs'
import { StratafsError } from '../../base/failure.js'
import type { Logger } from '../../base/log.js'
import type { OwnedFd } from '../../syscalls/owned-fd.js'
import { agree, type DeferredMount, firstRequests, mountDeferred, takeMount } from '../deferred/deferred-mounts.js'
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

export class HostDeferred {
  readonly #pending = new Set<DeferredMount>()

  /** Of those that nobody has asked anything yet; latin1. */
  get mountpoints(): string[] {
    return [...this.#pending].map(({ plan }) => plan.mountpoint)
  }

  /** Mounts, says so, waits, serves: the exit code. `device`: of a mount that stands. */
  async serve({ plan, warnings }: Prepared, line: HostLine, device: OwnedFd | null = null): Promise<number> {
    for (const warning of warnings) line.say(`say ${warning}`)
    const mount = device === null ? mountDeferred(plan) : takeMount(plan, device)
    if (mount instanceof StratafsError) {
      line.say(`say ${mount.message}`)
      line.say('exit 1')
      return 1
    }
    // It stands. Nobody waits for what is agreed on with the kernel, except who asks the mount something.
    line.say(`ready ${mount.plan.mountpoint}`, 'latin1')
    const terms = agree(mount)
    if (terms === null) return 1
    const request = await this.#first(mount)
    if (request !== null) return this.#open(mount, terms, request)
    mount.device.close()
    return 0
  }

  async #first(mount: DeferredMount): Promise<Uint8Array | null> {
    this.#pending.add(mount)
    const end = () => void detach(mount.plan.mountpoint, true)
    const forget = processSignals.add({ logger: SILENT, end, logCounters: () => {} })
    try {
      return await firstRequests.of(mount.device.fd)
    } finally {
      forget()
      this.#pending.delete(mount)
    }
  }

  /** Where there can be no engine the mount goes, and whoever asks is told so by the kernel. */
  async #open({ plan, device }: DeferredMount, terms: readonly number[], request: Uint8Array): Promise<number> {
    const fd = device.release()
    const begun = { fd, terms, request, isTaken: false }
    const order = { plan: { ...plan, begun }, warnings: [], journal: false }
    const report = async (outcome: unknown): Promise<boolean> => {
      if (!(outcome instanceof StratafsError)) return true
      detach(plan.mountpoint, true)
      if (!begun.isTaken) closeSync(fd)
      return false
    }
    return serveInBackground(order, report, { say: () => {}, isWanted: () => true })
  }
}
