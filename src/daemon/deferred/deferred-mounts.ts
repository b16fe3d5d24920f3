/**
 * Mounts that are there and have no engine yet. mount(2) of FUSE takes a twentieth of a millisecond, an engine a
 * hundred times that, and many a snapshot of containerd's is never looked into. So INIT is answered here, as the engine
 * would answer it; whoever asks the mount anything waits until that is there.
 */
import { readSync, writeSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { StratafsError } from '../../base/failure.js'
import type { Operations } from '../../operations/contract.js'
import { type InitAnswer, termsOf } from '../../protocol/init.js'
import { BUFFER_BYTES, sessionConfig } from '../../session/mount-config.js'
import { Session } from '../../session/session.js'
import { native } from '../../syscalls/native.js'
import { OwnedFd } from '../../syscalls/owned-fd.js'
import { wishBefore } from '../../union/context/data-mode.js'
import { WORKER_LIMITS } from '../engine/worker-limits.js'
import { checkPlan, checkStanding } from '../mount/checks.js'
import { KnownLayers } from '../mount/known-layers.js'
import { attach, detach } from '../mount/mounter.js'
import type { MountPlan } from '../options/mount-settings.js'
import type { FirstRequest } from './first-request.js'

/** A mount without an engine. */
export interface DeferredMount {
  /** With paths resolved. */
  readonly plan: MountPlan
  readonly device: OwnedFd
}

/** Whether a mount of `plan` can do without an engine for a while. */
export function mayBeDeferred({ settings }: MountPlan): boolean {
  return settings.engine !== 'hybrid' && settings.recover !== 'on' && !settings.trace
}

/** Layers that mounts before had, which are looked at less closely. */
const knownLayers = new KnownLayers()

/** Mounts; what may be refused without an engine is refused. Whoever asks the mount waits for `agree`. */
export function mountDeferred(given: MountPlan): DeferredMount | StratafsError {
  const plan = checkPlan(given, knownLayers)
  if (plan instanceof StratafsError) return plan
  const attached = attach(plan)
  if (attached instanceof StratafsError) return attached
  return { plan, device: new OwnedFd(attached.fd) }
}

/** A mount that somebody else has made, by its device. Where it cannot be one of ours it is taken away. */
export function takeMount(given: MountPlan, device: OwnedFd): DeferredMount | StratafsError {
  const plan = checkStanding(given, knownLayers)
  if (!(plan instanceof StratafsError)) return { plan, device }
  detach(given.mountpoint, true)
  device.close()
  return plan
}

/** Answers the kernel's INIT: the terms; null where there can be none, and the mount is gone. */
export function agree({ plan, device }: DeferredMount): readonly number[] | null {
  const terms = answerInit(plan, device.fd)
  if (terms !== null) return terms
  detach(plan.mountpoint, true)
  device.close()
  return null
}

const incoming = new ArrayBuffer(BUFFER_BYTES)
const outgoing = new ArrayBuffer(BUFFER_BYTES)

/** The kernel has sent INIT before mount(2) returned. What was agreed on, or null: also where the mount is gone. */
function answerInit({ settings, config }: MountPlan, fd: number): readonly number[] | null {
  let agreed: InitAnswer | null = null
  const choices = { timeout: settings.timeout, acl: config.acl, overlaid: false }
  const session = new Session({
    operations: { begin: () => {} } as unknown as Operations,
    request: incoming,
    reply: outgoing,
    port: { read: () => 0, write: () => 0 },
    config: sessionConfig(choices, wishBefore(config), {
      resends: settings.recover !== 'off',
      agreed: (answer) => {
        agreed = answer
      },
    }),
    fault: () => {},
  })
  try {
    const length = session.handle(readSync(fd, new Uint8Array(incoming)))
    writeSync(fd, new Uint8Array(outgoing, 0, length))
  } catch {
    return null
  }
  return agreed === null ? null : termsOf(agreed)
}

class FirstRequests {
  readonly #waiting = new Map<number, (request: Uint8Array | null) => void>()
  #epoll = -1
  /** Ends the thread, which a process that exits waits for. */
  #wakeFd = -1
  #worker: Worker | null = null

  /** The first request over `fd`; null where the mount goes without one. */
  of(fd: number): Promise<Uint8Array | null> {
    this.#worker ??= this.#start()
    return new Promise((resolve) => {
      this.#waiting.set(fd, resolve)
      native.epollAdd(this.#epoll, fd, fd)
    })
  }

  #prepare(): void {
    this.#epoll = native.epollCreate()
    this.#wakeFd = native.eventfd()
    native.epollAdd(this.#epoll, this.#wakeFd, this.#wakeFd)
    process.once('exit', () => native.signalEvent(this.#wakeFd))
  }

  #start(): Worker {
    if (this.#epoll < 0) this.#prepare()
    const worker = new Worker(new URL('./first-request-worker.cjs', import.meta.url), {
      name: 'first-requests',
      resourceLimits: WORKER_LIMITS,
      workerData: { epoll: this.#epoll, wakeFd: this.#wakeFd },
      stdout: true,
      stderr: true,
    })
    worker.on('message', ({ fd, request }: FirstRequest) => {
      const resolve = this.#waiting.get(fd)
      this.#waiting.delete(fd)
      resolve?.(request)
    })
    // What waits goes on waiting: the next thread sees it.
    const again = () => {
      this.#worker = this.#waiting.size > 0 ? this.#start() : null
    }
    worker.on('error', () => {}).on('exit', again)
    worker.unref()
    return worker
  }
}

/** The process's own. */
export const firstRequests = new FirstRequests()
