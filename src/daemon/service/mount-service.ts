/**
 * The composition root of one mount: checks, locks, engine, kernel, state file and control socket, in an order in which
 * each step can be undone, and taken down in the reverse one. Nothing is mounted before everything that may be refused
 * has been asked; whoever calls learns of a refusal in one sentence and finds nothing left behind.
 */
import { dirname } from 'node:path'
import { Errno } from '../../base/errno.js'
import { StratafsError } from '../../base/failure.js'
import { isLevel, type Logger } from '../../base/log.js'
import { shown } from '../../base/text.js'
import { addonObstacle } from '../../syscalls/native.js'
import { knownOf } from '../../union/recovery/known.js'
import type { ControlReply, ControlRequest } from '../control/control-protocol.js'
import { type ControlServer, listen, type Peer } from '../control/control-server.js'
import { Freezer } from '../control/freeze.js'
import { type EngineFacts, inspectDocument } from '../control/inspect-document.js'
import type { Ending, EngineHandle } from '../engine/engine-handle.js'
import type { Question } from '../engine/engine-messages.js'
import { checkPlan } from '../mount/checks.js'
import { isDead } from '../mount/liveness.js'
import { lockWhenFree } from '../mount/lock-wait.js'
import type { DirectoryLocks } from '../mount/locks.js'
import { coveredMount, deviceOn } from '../mount/mountinfo.js'
import {
  giveStem,
  type MountState,
  runDirectory,
  runDirectoryObstacle,
  sweepNowAndThen,
  takeStem,
  writeState,
} from '../mount/run-directory.js'
import { chooseTransport, type TransportFacts, transportNotice } from '../mount/transport-choice.js'
import { withoutAddon } from '../mount/without-addon.js'
import type { MountPlan } from '../options/mount-settings.js'
import { countersOf, tellIndex } from './engine-answers.js'
import { engineFor } from './engine-for.js'
import { flushChangeLog } from './flush-change-log.js'
import { asKept, type Keeping, keptFor, type Legacy } from './legacy.js'
import { keptLocks, newState, onSnapshots, overlaidUpper, placesToLock } from './mount-state.js'
import { resumedOnSnapshots, tellResumed } from './resume-snapshots.js'
import { obstacles, type ServiceVoice, UNCOUNTED } from './service-voice.js'
import { isAboutSnapshots, MountSnapshots } from './snapshots.js'

/** How long a mount that somebody else has put in our place may take to show that it is alive. */
const DEAD_MS = 2_000

/** How long open files may keep a mount that was told to end. */
const GRACE_MS = 4_000

export class MountService {
  /** The exit code: 0 when unmounted, 1 when the engine failed. Everything has been cleaned up by then. */
  readonly ended: Promise<number>
  readonly #stem: string | null
  readonly #holding: Freezer
  readonly #snapshots: MountSnapshots
  #server: ControlServer | null = null
  #stopping = false
  #over = false

  /** Mounts and serves, or says why not. */
  static async start(given: MountPlan, voice: ServiceVoice): Promise<MountService | StratafsError> {
    const { waiter } = voice
    const choice = chooseTransport(given, obstacles)
    if (choice instanceof StratafsError) return choice
    const obstacle = runDirectoryObstacle()
    if (obstacle !== null) return obstacle
    const checked = given.begun === undefined ? checkPlan(choice.plan) : choice.plan
    if (checked instanceof StratafsError) return checked
    const bare = addonObstacle === null ? { plan: checked, notes: [] } : withoutAddon(checked)
    if (bare instanceof StratafsError) return bare
    const { plan } = bare
    const facts = { ...choice.facts, limits: [...choice.facts.limits, ...bare.notes] }
    const locks = await lockWhenFree(placesToLock(plan), waiter)
    if (locks instanceof StratafsError) return locks
    const ready = overlaidUpper(plan.config.upper) ?? onSnapshots(plan)
    const service =
      ready instanceof StratafsError
        ? ready
        : await MountService.#mount(ready, facts, locks, voice, keptFor(plan, facts, voice))
    if (service instanceof StratafsError) locks.release()
    else await service.#register()
    return service
  }

  /** Serves a mount on that another process has left; or says why not, and the mount is lost. */
  static async resume(legacy: Legacy, voice: ServiceVoice): Promise<MountService | StratafsError> {
    const { transport, kept } = legacy
    const plan = resumedOnSnapshots(legacy.plan, kept.memory)
    if (plan instanceof StratafsError) return plan
    const locks = keptLocks(kept.locks, plan)
    const known = knownOf(kept.memory)
    const service = await MountService.#serve(plan, transport, locks, voice, {
      keeping: { kept, why: null },
      covered: null,
    })
    if (service instanceof StratafsError) return service
    void tellResumed(service.engine, kept.memory, known)
    await service.#register()
    return service
  }

  static async #mount(
    plan: MountPlan,
    transport: TransportFacts,
    locks: DirectoryLocks,
    voice: ServiceVoice,
    keeping: Keeping,
  ): Promise<MountService | StratafsError> {
    const { logger } = voice
    const notice = transportNotice(transport)
    if (notice !== null) logger.log('warn', notice)
    const covered = plan.begun === undefined ? coveredMount(plan.mountpoint) : null
    if (covered !== null) logger.log('warn', covered)
    for (const limit of transport.limits) logger.log('warn', limit)
    const { why } = keeping
    if (why === null || plan.settings.recover !== 'on')
      return MountService.#serve(plan, transport, locks, voice, { keeping, covered })
    logger.log('warn', `the mount ends with this process: ${why}`)
    const limits = [...transport.limits, `recover=on is without effect: ${why}`]
    return MountService.#serve(plan, { ...transport, limits }, locks, voice, { keeping, covered })
  }

  static async #serve(
    plan: MountPlan,
    transport: TransportFacts,
    locks: DirectoryLocks,
    { logger, trace, over }: ServiceVoice,
    extra: { readonly keeping: Keeping; readonly covered: string | null },
  ): Promise<MountService | StratafsError> {
    const { kept } = extra.keeping
    const started = await engineFor(plan, logger, trace, kept === null ? null : { kept, locks: locks.fds })
    if (started instanceof StratafsError) {
      kept?.end()
      return started
    }
    const { engine, why } = started
    if (why !== null) logger.log('warn', why)
    const told = why === null ? transport : { ...transport, limits: [...transport.limits, why] }
    const more = { over, otherEngine: why, ...extra }
    return new MountService(newState(plan, engine), told, logger, locks, engine, more)
  }

  private constructor(
    public state: MountState,
    private readonly transport: TransportFacts,
    private readonly logger: Logger,
    private readonly locks: DirectoryLocks,
    private readonly engine: EngineHandle,
    private readonly more: {
      readonly over: ((code: number) => void) | undefined
      /** Why it is another engine than was asked for; null: it is not. */
      readonly otherEngine: string | null
      /** That it lies above another mount; null: it does not. */
      readonly covered: string | null
      /** What the next process would need. */
      readonly keeping: Keeping
    },
  ) {
    this.#holding = new Freezer(engine, logger.log)
    this.#snapshots = new MountSnapshots({
      engine,
      locks,
      log: logger.log,
      memory: more.keeping.kept?.memory ?? null,
      state: () => this.state,
      restate: (to) => this.#restate(to),
    })
    const directory = runDirectory()
    this.#stem = directory === null ? null : takeStem(directory, state.mountpoint)
    this.ended = engine.ended.then((ending) => this.#finish(ending))
  }

  /** What whoever mounted has to know at once; null: nothing. */
  get notice(): string | null {
    const { otherEngine, covered } = this.more
    const notices = [transportNotice(this.transport) ?? otherEngine, covered].filter((each) => each !== null)
    return notices.length === 0 ? null : notices.join('; ')
  }

  /** Makes the mount findable. A mount that cannot be registered still serves. */
  async #register(): Promise<void> {
    const { logger } = this
    if (this.#stem === null)
      return logger.log('warn', 'no run directory: inspect, which and stats will not find this mount')
    try {
      this.#server = await listen(`${this.#stem}.sock`, (request, peer) => this.answer(request, peer))
      if (this.#over) this.#forget()
      else writeState(this.#stem, this.state)
      sweepNowAndThen(dirname(this.#stem))
    } catch (error) {
      logger.log('warn', 'inspect, which and stats will not find this mount', { error: String(error) })
    }
  }

  #restate(state: MountState): void {
    this.state = state
    if (this.#stem !== null && this.#server !== null) writeState(this.#stem, state)
  }

  /** Answers a control request. */
  async answer(request: ControlRequest, peer: Peer): Promise<ControlReply> {
    if (request.command === 'inspect') {
      const facts = asKept((await this.engine.ask({ what: 'describe' })) as EngineFacts | null, this.more.keeping)
      const index = this.engine.index?.facts ?? null
      return { ok: true, result: inspectDocument(this.state, facts, index, this.transport) }
    }
    if (isAboutSnapshots(request)) return this.#snapshots.answer(request)
    if (request.command === 'hold') return this.#holding.hold(request.seconds, peer)
    if (request.command === 'release') return this.#holding.release(peer)
    if (request.command === 'level') return this.#setLevel(request.level)
    if (request.command === 'index') return tellIndex(this.engine, request.action)
    if (request.command === 'stats') return countersOf(this.engine)
    if (request.command === 'end') return this.#end()
    const { command: what, ...about } = request
    if (what === 'changelog') return flushChangeLog(this.engine)
    if (what === 'limit' && this.engine.isHybrid) return { ok: false, error: UNCOUNTED }
    const result = await this.engine.ask({ what, ...about } as Question)
    return result === null ? { ok: false, error: 'the engine is busy or has ended' } : { ok: true, result }
  }

  #end(): ControlReply {
    this.logger.log('info', 'asked to end', { by: 'socket' })
    void this.stop()
    return { ok: true, result: null }
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
   * Unmounts. While files are open in it the mount is taken out of the tree and served on for a few seconds, then the
   * loop is ended. Called again it ends the loop at once.
   */
  async stop(): Promise<void> {
    if (this.#over) return
    if (this.#stopping) return this.engine.stop()
    this.#stopping = true
    const { mountpoint } = this.state
    if (!this.#isMounted()) return this.engine.stop()
    const errno = await this.engine.detach(mountpoint, false)
    if (errno === 0) return
    this.logger.log('warn', 'files are open in the mount: detached, served on until they are closed', {
      mountpoint: shown(mountpoint),
    })
    const lazily = errno === -Errno.EBUSY ? await this.engine.detach(mountpoint, true) : errno
    if (lazily !== 0) this.logger.log('error', 'cannot detach', { errno })
    setTimeout(() => this.engine.stop(), GRACE_MS).unref()
  }

  /** Something else may have been mounted over it, or it is gone already: then there is nothing of ours to unmount. */
  #isMounted(): boolean {
    return deviceOn(this.state.mountpoint) === this.state.device
  }

  /**
   * Whether the mount is still in the tree after its engine's end. Its place and its device's number do not say: once
   * it is unmounted the kernel gives that number to the next filesystem, which may well be mounted on the same place. A
   * mount that nobody serves any more answers ENOTCONN, and no other does. After a crash the device is still open, so
   * that the number is ours, and there would be no answer.
   */
  async #isLeft(ending: Ending): Promise<boolean> {
    if (!this.#isMounted()) return false
    // Who ends it is asked no more by an overlay above; it was told to, where the kernel did not.
    if (this.engine.isHybrid && 'result' in ending && ending.result === 0) return true
    return 'crash' in ending || (await isDead(this.state.mountpoint, DEAD_MS))
  }

  /** Nobody finds the mount any more. */
  #forget(): void {
    this.#server?.close()
    if (this.#stem !== null) giveStem(this.#stem)
  }

  async #finish(ending: Ending): Promise<number> {
    this.#over = true
    this.more.keeping.kept?.end()
    const stillThere = await this.#isLeft(ending)
    const failed = 'crash' in ending || (ending.result !== 0 && ending.result !== -Errno.ENODEV) || stillThere
    if (failed) this.logger.log('error', 'the engine ended before the mount: it is taken away', { ...ending })
    if (stillThere) await this.engine.detach(this.state.mountpoint, true)
    this.locks.release()
    this.logger.log('info', 'unmounted', { mountpoint: shown(this.state.mountpoint) })
    const code = failed ? 1 : 0
    this.more.over?.(code)
    this.#forget()
    return code
  }
}
