/**
 * An engine on the main thread, served by fuse-native, which works on no other. Its calls come through the event loop,
 * among signals and control requests; nothing on this thread may touch the mount or wait for what does, so it is
 * unmounted from a process of its own.
 */

import { execFile } from 'node:child_process'
import { closeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Errno } from '../../base/errno.js'
import { type FailureRecord, failureFrom, StratafsError } from '../../base/failure.js'
import type { Log } from '../../base/log.js'
import { sourceStack } from '../../base/source-stack.js'
import { shown } from '../../base/text.js'
import { unbound } from '../../operations/contract.js'
import { createEngine, type Engine } from '../../operations/engine.js'
import { turnsOf } from '../../owner-index/database/shared-state.js'
import { native } from '../../syscalls/native.js'
import { type FuseNativeMount, mountFuseNative } from '../../transport/fuse-native/fuse-native.js'
import { KNOWN_VERSION } from '../../transport/fuse-native/package.js'
import { fuseNativeOptions, withFusermount } from '../mount/fuse-native-options.js'
import type { MountPlan } from '../options/mount-settings.js'
import { joinChangeLog, joinIndex } from './attach-index.js'
import type { Ending, EngineHandle } from './engine-handle.js'
import { OWNERS_PER_ANSWER, type Question } from './engine-messages.js'
import { IndexThread } from './index-thread.js'

/** How often changes that the index has not been told of are told. */
const FLUSH_MS = 500

export class EngineHere implements EngineHandle {
  readonly ended: Promise<Ending>
  #over = false
  #end: (ending: Ending) => void = () => {}

  /** Builds the engine, mounts and serves, or says why not. */
  static async start(plan: MountPlan, log: Log, trace: (line: string) => void): Promise<EngineHere | StratafsError> {
    const engine = createEngine(plan.config, unbound, log)
    if (engine instanceof StratafsError) return engine.map(shown)
    const wakeFd = native.eventfd()
    const index = wakeFd < 0 ? null : IndexThread.plan(plan.config, plan.mountpoint, wakeFd, log)
    joinIndex(engine, index?.forEngine ?? null, log)
    joinChangeLog(engine, index?.forEngine ?? null, (plan.config.changelog ?? 0) > 0)
    index?.know(engine.stack, engine.upperFd)
    const mount = await mountHere(plan, engine, index, log, trace)
    if (mount instanceof StratafsError) {
      await release(engine, index, wakeFd, true)
      return mount.of(`cannot mount on ${shown(plan.mountpoint)}`)
    }
    index?.start()
    return new EngineHere(engine, mount, index, wakeFd)
  }

  private constructor(
    private readonly engine: Engine,
    private readonly mount: FuseNativeMount,
    readonly index: IndexThread | null,
    wakeFd: number,
  ) {
    const flushing = setInterval(() => engine.tendIndex(), FLUSH_MS).unref()
    const stopped = new Promise<Ending>((resolve) => {
      this.#end = resolve
    })
    const unmounted = mount.ended.then((): Ending => ({ result: -Errno.ENODEV }))
    this.ended = Promise.race([stopped, unmounted]).then(async (ending) => {
      this.#over = true
      clearInterval(flushing)
      mount.close()
      await release(engine, index, wakeFd, 'result' in ending)
      return ending
    })
  }

  async ask(question: Question): Promise<unknown> {
    if (this.#over) return null
    if (question.what === 'which') return this.engine.which(question.path)
    const { what } = question
    if (what === 'drain' || what === 'resume' || what === 'written' || what === 'settle') return null
    if (what === 'freeze' || what === 'restore' || what === 'merge') return null
    if (question.what === 'owners') return this.engine.owners(question.path, question.after, OWNERS_PER_ANSWER)
    if (question.what === 'changelog') return { told: this.engine.flushChangeLog() }
    if (question.what === 'limit') return this.engine.limit(question.change)
    if (question.what === 'describe')
      return { ...this.engine.describe(), protocol: `7.19 (libfuse 2.9.9 of fuse-native ${KNOWN_VERSION})` }
    const { rss, heapUsed } = process.memoryUsage()
    const index = this.engine.indexCounters()
    return { ...this.engine.counters(), index, ...this.mount.counters(), memory: { rss, heapUsed } }
  }

  /** This thread would have to wait for a word that comes to this thread. */
  async hold(): Promise<null> {
    return null
  }

  stop(): void {
    this.#end({ result: 0 })
  }

  /** Unmounting may make the kernel ask this thread, so that it may not wait for it. */
  detach(mountpoint: string, lazy: boolean): Promise<number | StratafsError> {
    const program = fileURLToPath(new URL('./detach-main.cjs', import.meta.url))
    const words = [program, Buffer.from(mountpoint, 'latin1').toString('hex'), lazy ? 'lazy' : 'now']
    return new Promise((resolve) => {
      execFile(process.execPath, words, { cwd: '/' }, (error, stdout) => {
        if (error !== null) return resolve(new StratafsError(`cannot unmount ${shown(mountpoint)}: ${error.message}`))
        const answer = JSON.parse(stdout) as number | FailureRecord
        resolve(typeof answer === 'number' ? answer : failureFrom(answer))
      })
    })
  }
}

function mountHere(
  plan: MountPlan,
  engine: Engine,
  index: IndexThread | null,
  log: Log,
  trace: (line: string) => void,
): Promise<FuseNativeMount | StratafsError> {
  const uid = process.getuid?.() ?? 0
  const gid = process.getgid?.() ?? 0
  return withFusermount(() =>
    mountFuseNative({
      operations: engine.operations,
      caller: { uid, gid, pid: 0, umask: 0 },
      mountpoint: shown(plan.mountpoint),
      options: fuseNativeOptions(plan.settings),
      trace: plan.settings.trace ? trace : undefined,
      turns: index === null ? new Int32Array(1) : turnsOf(index.forEngine.shared),
      fault: (error, call) => {
        log('error', 'a request failed inside', { request: call, stack: sourceStack(error) })
      },
    }),
  )
}

async function release(engine: Engine, index: IndexThread | null, wakeFd: number, clean: boolean): Promise<void> {
  engine.close()
  await index?.finish(clean)
  if (wakeFd >= 0) closeSync(wakeFd)
}
