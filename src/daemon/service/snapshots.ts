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
import { removeDatabase } from '../../owner-index/database/in-use.js'
import { forgetTree } from '../../protocol/notifications.js'
import { removeAside } from '../../snapshots/aside.js'
import { freeName, recordOf } from '../../snapshots/names.js'
import {
  chainOf,
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
import { native } from '../../syscalls/native.js'
import type { UnionConfig } from '../../union/context/config.js'
import type { ControlReply, ControlRequest } from '../control/control-protocol.js'
import type { SnapshotMade, SnapshotRestored } from '../control/snapshot-documents.js'
import type { FreezeAnswer, RestoreAnswer } from '../engine/engine-messages.js'
import { drain, openMount, type SnapshotMount, settleCopies } from './snapshot-drain.js'
import { SnapshotMerges } from './snapshot-merges.js'

type SnapshotRequest = Extract<ControlRequest, { command: 'snapshot' | 'restore' | 'forget' | 'merging' }>

const COMMANDS = ['snapshot', 'restore', 'forget', 'merging']

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
    setTimeout(() => this.#merges.begin(), SOON_MS).unref()
  }

  /** A SnapshotMade, a SnapshotRestored, a MergeStatus, or null. */
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
    let answer: FreezeAnswer | null = null
    try {
      if (pages !== null) await native.syncfsBeside(pages.fd)
      await settleCopies(this.mount)
      settled = await drain(this.mount, pages?.fd ?? -1)
      answer = (await this.mount.engine.ask(
        { what: 'freeze', id: record.id, name: fromText(record.name), stays },
        true,
      )) as FreezeAnswer | null
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
    const kept = keep ? await this.#create(this.#nameBefore(work, name), null, { stays: true }) : null
    if (kept === null) {
      await settleCopies(this.mount)
      await drain(this.mount, -1)
    }
    const token = randomUUID().replaceAll('-', '')
    const config = this.#configOn(work, id)
    writeJournal(work, { restore: { id, token } })
    const answer = await this.mount.engine.ask({ what: 'restore', order: { id, token, config } }, true)
    await this.#settleRestore(work, id, token, config, answer as RestoreAnswer | null)
    return { name, kept: kept?.name ?? null, milliseconds: performance.now() - begun }
  }

  #nameBefore(work: string, name: string): string {
    const has = (each: string): boolean => readList(work).snapshots.some((record) => record.name === each)
    const first = `before-restore-${name}`.slice(0, 120)
    for (let count = 1; ; count++) {
      const free = count === 1 ? first : `${first}-${count}`
      if (!has(free)) return free
    }
  }

  /** The mount's configuration, as it is on the snapshot `id`. */
  #configOn(work: string, id: number): UnionConfig {
    const { config } = this.mount.state()
    const { lowers, layerNames = [], snapshots = 0 } = config
    const chain = chainOf(readList(work), id)
    return {
      ...config,
      lowers: [...chain.map((record) => directoryOf(work, record.id)), ...lowers.slice(snapshots)],
      layerNames: [...chain.map((record) => fromText(record.name)), ...layerNames.slice(snapshots)],
      snapshots: chain.length,
      index: 'off',
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
      throw failureFrom(answer.refusal).map(shown)
    }
    mount.engine.upperIs?.(answer.upperFd)
    mount.restate({ ...mount.state(), config })
    const locked = mount.locks.add('upperdir', config.upper!)
    if (locked !== null) mount.log('error', 'the new upperdir cannot be locked', { why: locked.message })
    for (const message of forgetTree(answer.names)) await mount.engine.notify?.(message)
    writeList(work, { ...readList(work), base: id })
    removeJournal(work)
    removeAside(work, [`old-${token}`, `index-${token}`])
    mount.log('info', 'went back to a snapshot', { id })
  }

  /** The exchange has been made: what says so follows. */
  #settle(work: string, list: SnapshotList, record: SnapshotRecord, unfinished: boolean): void {
    const { mount } = this
    const state = mount.state()
    const { config } = state
    const { lowers, layerNames = [], snapshots = 0 } = config
    const names = [fromText(record.name), ...layerNames]
    const stack = { lowers: [directoryOf(work, record.id), ...lowers], layerNames: names, snapshots: snapshots + 1 }
    mount.restate({ ...state, config: { ...config, ...stack, index: 'off' } })
    const locked = mount.locks.add('upperdir', config.upper!)
    if (locked !== null) mount.log('error', 'the new upperdir cannot be locked', { why: locked.message })
    void this.#endIndex(work)
    try {
      writeList(work, withRecord(list, record))
      if (!unfinished) removeJournal(work)
    } catch (error) {
      throw new Unfinished(`the list of snapshots cannot be written: ${errorWords(error)}`)
    }
    mount.log('info', 'snapshot made', { name: record.name, id: record.id })
  }

  /** The owner index was of other layers. */
  async #endIndex(work: string): Promise<void> {
    const { index } = this.mount.engine
    if (index === null || index.facts.state === 'none') return
    index.facts = { ...index.facts, state: 'none', downgrade: 'the owner index is off: this mount has snapshots' }
    await index.finish(true)
    if (index.forEngine.path !== null) removeDatabase(`${work}/index.db`)
  }
}

/** The journal stays: the next mount goes on. */
class Unfinished extends StratafsError {}
