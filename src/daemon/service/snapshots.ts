/**
 * Making a snapshot of a mount in use, as the main thread sees it. What takes long is done beside the engine: pages
 * that programs have written go out first, then once more while changes of the tree wait; the journal is on disk before
 * the engine exchanges the upper for a new one, the list after it. A daemon that dies anywhere in between leaves what
 * the next mount finishes or undoes (src/snapshots/recover.ts).
 */
import { randomUUID } from 'node:crypto'
import { errorWords } from '../../base/errno-words.js'
import { failureFrom, StratafsError } from '../../base/failure.js'
import { fromText, shown } from '../../base/text.js'
import { forgetTree, newEpoch } from '../../protocol/notifications.js'
import { removeAside } from '../../snapshots/aside.js'
import { forgetMerging } from '../../snapshots/merging.js'
import { freeName, nameBefore, recordOf } from '../../snapshots/names.js'
import { indexOnOtherLayers } from '../../snapshots/other-layers.js'
import {
  chainOf,
  directoriesOf,
  directoryOf,
  nextId,
  readJournal,
  readList,
  removeJournal,
  type SnapshotList,
  type SnapshotRecord,
  withRecord,
  writeJournal,
  writeList,
} from '../../snapshots/records.js'
import { LOWERS_MAX } from '../../snapshots/stack.js'
import type { UnionConfig } from '../../union/context/config.js'
import { Word } from '../../union/state/memory.js'
import type { ControlReply, ControlRequest } from '../control/control-protocol.js'
import type { SnapshotMade, SnapshotRestored } from '../control/snapshot-documents.js'
import type { FreezeAnswer, RestoreAnswer } from '../engine/engine-messages.js'
import { endIndex } from './end-index.js'
import { hasEpochs, notifyAll } from './kernel-memory.js'
import { changeLayers } from './layers.js'
import {
  drain,
  type Frozen,
  openMount,
  type SnapshotMount,
  settleCopies,
  whenQuiet,
  writeOut,
} from './snapshot-drain.js'
import { SnapshotMerges } from './snapshot-merges.js'
import { finishBranchMerge } from './unfinished-merge.js'

type SnapshotRequest = Extract<ControlRequest, { command: 'snapshot' | 'restore' | 'forget' | 'merging' | 'layers' }>

const COMMANDS = ['snapshot', 'restore', 'forget', 'merging', 'layers']

export function isAboutSnapshots(request: ControlRequest): request is SnapshotRequest {
  return COMMANDS.includes(request.command)
}

/** What is frozen only because a snapshot below it went: no snapshot can be called so. */
const REST = '(removed)'

/** After a mount has begun it has other things to do. */
const SOON_MS = 500

export class MountSnapshots {
  /** What is being done ends before the next thing begins. */
  #last: Promise<unknown> = Promise.resolve()
  readonly #merges: SnapshotMerges

  constructor(private readonly mount: SnapshotMount) {
    this.#merges = new SnapshotMerges({
      mount,
      alone: (act) => this.#alone(act),
      freezeRest: async () => {
        await this.#create(REST, null, { stays: false, removed: 'rest' })
      },
    })
    // What was removed before goes on.
    setTimeout(() => {
      this.#merges.begin()
      finishBranchMerge(mount)
    }, SOON_MS).unref()
  }

  /** A SnapshotMade, a SnapshotRestored, a MergeStatus, a LayersChanged, or null. */
  async answer(request: SnapshotRequest): Promise<ControlReply> {
    try {
      const result = await (request.command === 'merging'
        ? this.#merges.status()
        : this.#alone(() => this.#do(request)))
      if (request.command !== 'merging') this.#merges.begin()
      return { ok: true, result }
    } catch (error) {
      return { ok: false, error: error instanceof StratafsError ? error.message : errorWords(error) }
    }
  }

  async #do(request: Exclude<SnapshotRequest, { command: 'merging' }>): Promise<unknown> {
    if (request.command === 'snapshot') return this.#create(request.name, request.message, { stays: false })
    if (request.command === 'layers') return changeLayers(this.mount, request)
    if (request.command === 'restore') return this.#restore(request.name, request.keep)
    return this.#merges.remove(this.#workdir(), request.name)
  }

  #alone<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#last.then(act)
    this.#last = done.catch(() => undefined)
    return done
  }

  /** `stays`: what was put aside waits on. */
  async #create(
    name: string | null,
    message: string | null,
    { stays, removed }: { stays: boolean; removed?: 'rest' },
  ): Promise<SnapshotMade> {
    const work = this.#workdir()
    const list = readList(work)
    const free = removed === undefined ? freeName(list, name, new Date()) : REST
    if (free instanceof StratafsError) throw free
    const created = new Date().toISOString()
    const hidden = removed === undefined ? {} : { removed }
    const record = { id: nextId(list), name: free, message, created, parent: list.base, ...hidden }
    writeJournal(work, { create: record })
    try {
      return await this.#make(work, list, record, stays)
    } catch (error) {
      // Where the directories have changed places only the next mount can go on.
      if (!(error instanceof Unfinished)) removeJournal(work)
      throw error
    }
  }

  #workdir(): string {
    const { config, hybrid } = this.mount.state()
    if (config.upper === null || config.work === null || config.readonly)
      throw new StratafsError('the mount is read-only: there is nothing to make a snapshot of')
    if (hybrid)
      throw new StratafsError('a mount with engine=hybrid has no snapshots', 'FAILED', 'mount with engine=fuse')
    if (readJournal(config.work) !== null)
      throw new StratafsError('the last snapshot is not finished', 'FAILED', 'unmount, and mount again')
    if (config.lowers.length >= LOWERS_MAX)
      throw new StratafsError(`there are ${config.lowers.length} lower layers, snapshots included, and no more can be`)
    return config.work
  }

  async #make(work: string, list: SnapshotList, record: SnapshotRecord, stays: boolean): Promise<SnapshotMade> {
    const begun = performance.now()
    const pages = await openMount(this.mount)
    let settled = true
    let answer: Frozen | null = null
    try {
      const fd = pages?.fd ?? -1
      if (fd >= 0) await writeOut(this.mount, fd)
      await settleCopies(this.mount)
      await drain(this.mount)
      const freeze = (written: number | null) => this.#freeze(record, stays, written)
      ;({ answer, settled } = await whenQuiet(this.mount, fd, freeze))
    } finally {
      if (!stays || answer === null) void this.mount.engine.ask({ what: 'resume' })
      await pages?.close()
    }
    const paused = performance.now() - begun
    if (answer === null) throw new Unfinished('the engine has ended', 'DAEMON_DEAD', 'mount again')
    if ('refusal' in answer) throw failureFrom(answer.refusal).map(shown)
    this.#settle(work, list, record, answer.unfinished)
    return {
      ...record,
      path: shown(directoryOf(work, record.id)),
      copied: answer.copied.map(shown),
      settled,
      milliseconds: { frozen: answer.milliseconds, all: paused },
    }
  }

  /** Whatever comes of it, changes of the tree wait no longer than that. */
  async #restore(name: string, keep: boolean): Promise<SnapshotRestored> {
    try {
      return await this.#restoreDrained(name, keep)
    } finally {
      void this.mount.engine.ask({ what: 'resume' })
    }
  }

  async #restoreDrained(name: string, keep: boolean): Promise<SnapshotRestored> {
    const begun = performance.now()
    const work = this.#workdir()
    const { id } = recordOf(readList(work), name)
    const kept = keep
      ? await this.#create(nameBefore(readList(work).snapshots, 'restore', name), null, { stays: true })
      : null
    if (kept === null) {
      await settleCopies(this.mount)
      await drain(this.mount)
    }
    const token = randomUUID().replaceAll('-', '')
    const config = this.#configOn(work, id)
    const byName = !(await hasEpochs(this.mount.engine))
    const { memory } = this.mount
    if (memory !== null) memory.words[Word.RESTORING] = memory.words[Word.TELL] = 1
    writeJournal(work, { restore: { id, token } })
    const answer = await this.mount.engine.ask({ what: 'restore', order: { id, token, config, byName } }, true)
    await this.#settleRestore(work, id, token, config, answer as RestoreAnswer | null)
    return { name, kept: kept?.name ?? null, milliseconds: performance.now() - begun }
  }

  /** The mount's configuration, as it is on the snapshot `id`. */
  #configOn(work: string, id: number): UnionConfig {
    const { config } = this.mount.state()
    const { lowers, layerNames = [], snapshots = 0 } = config
    const chain = chainOf(readList(work), id)
    return {
      ...config,
      lowers: [...directoriesOf(work, chain), ...lowers.slice(snapshots)],
      layerNames: [...chain.map((record) => fromText(record.name)), ...layerNames.slice(snapshots)],
      snapshots: chain.length,
      index: indexOnOtherLayers(config),
    }
  }

  async #settleRestore(
    work: string,
    id: number,
    token: string,
    config: UnionConfig,
    answer: RestoreAnswer | null,
  ): Promise<void> {
    const { mount } = this
    if (answer === null) throw new Unfinished('the engine has ended', 'DAEMON_DEAD', 'mount again')
    if ('refusal' in answer) {
      removeJournal(work)
      if (mount.memory !== null) mount.memory.words[Word.RESTORING] = mount.memory.words[Word.TELL] = 0
      throw failureFrom(answer.refusal).map(shown)
    }
    mount.engine.upperIs?.(answer.upperFd)
    mount.restate({ ...mount.state(), config })
    this.#lockUpper()
    const messages = answer.names.length === 0 ? newEpoch() : forgetTree(answer.names)
    await notifyAll(mount.engine, messages)
    if (mount.memory !== null) mount.memory.words[Word.TELL] = 0
    writeList(work, { ...readList(work), base: id })
    removeJournal(work)
    // What a merge of a branch had done is gone, too.
    forgetMerging(work)
    // Nobody waits for a program to begin.
    setImmediate(() => removeAside(work, [`old-${token}`, `index-${token}`]))
    mount.log('info', 'went back to a snapshot', { id })
  }

  #freeze({ id, name }: SnapshotRecord, stays: boolean, written: number | null): Promise<FreezeAnswer | null> {
    const question = { what: 'freeze', id, name: fromText(name), stays, written } as const
    return this.mount.engine.ask(question, true) as Promise<FreezeAnswer | null>
  }

  #lockUpper(): void {
    const { locks, log, state } = this.mount
    const locked = locks.add('upperdir', state().config.upper!)
    if (locked !== null) log('error', 'the new upperdir cannot be locked', { why: locked.message })
  }

  /** The exchange has been made: what says so follows. */
  #settle(work: string, list: SnapshotList, record: SnapshotRecord, unfinished: boolean): void {
    const { mount } = this
    const state = mount.state()
    const { config } = state
    const { lowers, layerNames = [], snapshots = 0 } = config
    const names = [fromText(record.name), ...layerNames]
    const stack = { lowers: [directoryOf(work, record.id), ...lowers], layerNames: names, snapshots: snapshots + 1 }
    mount.restate({ ...state, config: { ...config, ...stack, index: indexOnOtherLayers(config) } })
    this.#lockUpper()
    void endIndex(mount, 'the owner index is off: this mount has snapshots')
    try {
      writeList(work, withRecord(list, record))
      if (!unfinished) removeJournal(work)
    } catch (error) {
      throw new Unfinished(`the list of snapshots cannot be written: ${errorWords(error)}`)
    }
    mount.log('info', 'snapshot made', { name: record.name, id: record.id })
  }
}

/** The journal stays: the next mount goes on. */
class Unfinished extends StratafsError {}
