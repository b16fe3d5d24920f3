/**
 * The composition root of one mount: checks, locks, engine, kernel, state file and control socket, in an order in which
 * each step can be undone, and taken down in the reverse one. Nothing is mounted before everything that may be refused has
 * been asked; whoever calls learns of a refusal in one sentence and finds nothing left behind.
 */
import type { Server } from 'node:net'
import { dirname } from 'node:path'
import { Errno } from '../base/errno.js'
import { isLevel, type Logger } from '../base/log.js'
import { shown } from '../base/text.js'
import { checkPlan } from './checks.js'
import type { ControlReply, ControlRequest } from './control-protocol.js'
import { listen } from './control-server.js'
import { type Ending, EngineThread } from './engine-thread.js'
import { inspectDocument } from './inspect-document.js'
import { lockWhenFree } from './lock-patience.js'
import type { DirectoryLocks } from './locks.js'
import { attach, detach } from './mounter.js'
import { mountedOn, readMounts } from './mountinfo.js'
import type { Refused } from './places.js'
import {
  filesStem,
  type MountState,
  ownIdentity,
  removeFiles,
  runDirectory,
  sweepDead,
  writeState,
} from './run-directory.js'
import type { MountPlan } from './settings.js'

/** How long open files may keep a mount that was told to end. */
const GRACE_MS = 4_000

export class MountService {
  /** The exit code: 0 when unmounted, 1 when the engine failed. Everything has been cleaned up by then. */
  readonly ended: Promise<number>
  readonly #stem: string | null
  #server: Server | null = null
  #stopping = false
  #over = false

  /** Mounts and serves, or says why not. `trace` gets one line for each request and reply when the plan asks for them. */
  static async start(given: MountPlan, logger: Logger, trace: (line: string) => void): Promise<MountService | Refused> {
    const plan = checkPlan(given)
    if ('error' in plan) return plan
    const { upper, work } = plan.config
    const locks = await lockWhenFree(
      upper && work
        ? ([
            ['upperdir', upper],
            ['workdir', work],
          ] as const)
        : [],
    )
    if ('error' in locks) return locks
    const service = await MountService.#mount(plan, logger, locks, trace)
    if ('error' in service) locks.release()
    else await service.#register()
    return service
  }

  static async #mount(
    plan: MountPlan,
    logger: Logger,
    locks: DirectoryLocks,
    trace: (line: string) => void,
  ): Promise<MountService | Refused> {
    const { config, settings } = plan
    const start = { config, timeout: settings.timeout, trace: settings.trace, mountpoint: plan.mountpoint }
    const engine = await EngineThread.start(start, logger.log, trace)
    if ('error' in engine) return engine
    const attached = attach(plan)
    if ('error' in attached) {
      engine.stop()
      await engine.ended
      return attached
    }
    const state = newState(plan)
    const service = new MountService(state, logger, locks, engine)
    if (await engine.serve(attached.fd)) return service
    detach(plan.mountpoint, true)
    await service.ended
    return { error: 'the engine ended before it served: see the log' }
  }

  private constructor(
    readonly state: MountState,
    private readonly logger: Logger,
    private readonly locks: DirectoryLocks,
    private readonly engine: EngineThread,
  ) {
    const directory = runDirectory()
    this.#stem = directory === null ? null : filesStem(directory, state.mountpoint, state.pid)
    this.ended = engine.ended.then((ending) => this.#finish(ending))
  }

  /** Makes the mount findable. A mount that cannot be registered still serves. */
  async #register(): Promise<void> {
    const { logger } = this
    if (this.#stem === null)
      return logger.log('warn', 'no run directory: inspect, which and stats will not find this mount')
    try {
      this.#server = await listen(`${this.#stem}.sock`, (request) => this.answer(request))
      if (this.#over) this.#forget()
      else writeState(this.#stem, this.state)
      sweepDead(dirname(this.#stem))
    } catch (error) {
      logger.log('warn', 'inspect, which and stats will not find this mount', { error: String(error) })
    }
  }

  /** Answers a control request. */
  async answer(request: ControlRequest): Promise<ControlReply> {
    if (request.command === 'inspect') {
      const facts = (await this.engine.ask({ what: 'describe' })) as Record<string, unknown> | null
      return { ok: true, result: inspectDocument(this.state, facts, this.engine.indexFacts) }
    }
    if (request.command === 'level') return this.#setLevel(request.level)
    const question =
      request.command === 'which' ? { what: 'which' as const, path: request.path } : { what: 'counters' as const }
    const result = await this.engine.ask(question)
    return result === null ? { ok: false, error: 'the engine is busy or has ended' } : { ok: true, result }
  }

  #setLevel(level: string): ControlReply {
    if (!isLevel(level)) return { ok: false, error: `unknown level ${level}: trace, debug, info, warn or error` }
    this.logger.setLevel(level)
    return { ok: true, result: level }
  }

  /** Writes the counters into the log. */
  async logCounters(): Promise<void> {
    const counters = await this.engine.ask({ what: 'counters' })
    this.logger.log('info', 'counters', counters as Record<string, unknown>)
  }

  /**
   * Unmounts. While files are open in it the mount is taken out of the tree and served on for a few seconds, then the loop
   * is ended. Called again it ends the loop at once.
   */
  async stop(): Promise<void> {
    if (this.#stopping) return this.engine.stop()
    this.#stopping = true
    const { mountpoint } = this.state
    if (!this.#isMounted()) return this.engine.stop()
    const errno = detach(mountpoint, false)
    if (errno === 0) return
    this.logger.log('warn', 'files are open in the mount: detached, served on until they are closed', {
      mountpoint: shown(mountpoint),
    })
    if (errno === -Errno.EBUSY && detach(mountpoint, true) !== 0) this.logger.log('error', 'cannot detach', { errno })
    setTimeout(() => this.engine.stop(), GRACE_MS).unref()
  }

  /** Something else may have been mounted over it, or it is gone already: then there is nothing of ours to unmount. */
  #isMounted(): boolean {
    return mountedOn(this.state.mountpoint, readMounts())?.device === this.state.device
  }

  /** Nobody finds the mount any more. */
  #forget(): void {
    this.#server?.close()
    if (this.#stem !== null) removeFiles(this.#stem)
  }

  #finish(ending: Ending): number {
    this.#over = true
    const stillThere = this.#isMounted()
    const failed = 'crash' in ending || (ending.result !== 0 && ending.result !== -Errno.ENODEV) || stillThere
    if (failed) this.logger.log('error', 'the engine ended before the mount: it is taken away', { ...ending })
    if (stillThere) detach(this.state.mountpoint, true)
    this.#forget()
    this.locks.release()
    this.logger.log('info', 'unmounted', { mountpoint: shown(this.state.mountpoint) })
    return failed ? 1 : 0
  }
}

function newState(plan: MountPlan): MountState {
  const { mountpoint, options, config, settings } = plan
  const device = mountedOn(mountpoint, readMounts())?.device ?? ''
  const since = new Date().toISOString()
  return { ...ownIdentity(), device, mountpoint, options, config, log: settings.logFile, since }
}
