/**
 * Removing snapshots of a mount in use. A removed one goes from the list at once; its layer goes beside all else, into
 * the one that stands on it. Where the present alone stands on it, what the present holds is frozen first, as a layer
 * that is in no list: the next mount joins that with the upper. Whoever dies meanwhile leaves what the next mount goes
 * on with (src/snapshots/merge.ts).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { errorWords } from '../../base/errno-words.js'
import { failureFrom, StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import { heldByBranches } from '../../snapshots/branches.js'
import { beginMerge, finishMerge, type Merge, planBeside, resumeMerge } from '../../snapshots/merge.js'
import type { MergePlan } from '../../snapshots/merge-plan.js'
import { recordOf } from '../../snapshots/names.js'
import {
  directoryOf,
  hasSnapshots,
  readList,
  removeJournal,
  type SnapshotList,
  type SnapshotRecord,
} from '../../snapshots/records.js'
import { dropLayer, markRemoved, type RemovalStep, removalSteps } from '../../snapshots/remove.js'
import type { MergeStatus } from '../control/snapshot-documents.js'
import type { MergeAnswer } from '../engine/engine-messages.js'
import { listMounts } from '../mount/run-directory.js'
import type { SnapshotMount } from './snapshot-drain.js'

/** What needs a layer for itself is asked again so often. */
const AGAIN_MS = 2_000

/** What it asks of whoever makes snapshots. */
interface Others {
  readonly mount: SnapshotMount
  /** Runs `act` while nothing else is done with the snapshots. */
  alone<T>(act: () => Promise<T>): Promise<T>
  /** Freezes the present as a layer that is in no list; throws StratafsError where that cannot be. */
  freezeRest(): Promise<void>
}

export class SnapshotMerges {
  #running = false
  #again = false
  #looked = 0
  #now: string | null = null
  readonly #waiting = new Map<number, { name: string; why: string; forGood: boolean }>()

  constructor(private readonly others: Others) {}

  status(): MergeStatus {
    const waiting = [...this.#waiting.values()].map(({ name, why }) => ({ name: plainName(name), why }))
    return {
      merging: this.#running ? (this.#now ?? '') : null,
      looked: this.#looked,
      waiting: this.#running ? [] : waiting,
    }
  }

  /** Takes `name` from the list of `work`, and begins to remove its layer. Throws StratafsError where it is needed. */
  remove(work: string, name: string): null {
    const record = recordOf(readList(work), name)
    const branch = heldByBranches(work).get(record.id)
    if (branch !== undefined)
      throw new StratafsError(`branch ${branch} stands on snapshot ${name}`, 'IN_USE', 'remove the branch first')
    const user = this.#userOf(work, record)
    if (user !== null) throw new StratafsError(`${user} uses snapshot ${name}`, 'IN_USE', 'unmount that first')
    markRemoved(work, record)
    this.begin()
    return null
  }

  /** Somebody else's mount that stands on it, in words; null: none. */
  #userOf(work: string, { id }: SnapshotRecord): string | null {
    const path = directoryOf(work, id)
    const { mountpoint } = this.others.mount.state()
    const user = listMounts().find(({ state }) => state.config.lowers.includes(path) && state.mountpoint !== mountpoint)
    return user === undefined ? null : `the mount on ${shown(user.state.mountpoint)}`
  }

  /** Does what is to be done, beside all else. */
  begin(): void {
    this.#again = true
    if (this.#running) return
    this.#running = true
    void this.#run().finally(() => {
      this.#running = false
      this.#now = null
    })
  }

  async #run(): Promise<void> {
    while (this.#again) {
      this.#again = false
      for (const id of this.#waiting.keys()) if (!this.#waiting.get(id)!.forGood) this.#waiting.delete(id)
      for (let step = this.#next(); step !== null; step = this.#next()) await this.#take(step)
    }
    const isForGood = [...this.#waiting.values()].every(({ forGood }) => forGood)
    if (!isForGood) setTimeout(() => this.begin(), AGAIN_MS).unref()
  }

  #next(): RemovalStep | null {
    const { config, hybrid } = this.others.mount.state()
    if (config.work === null || config.readonly || hybrid || !hasSnapshots(config.work)) return null
    try {
      return removalSteps(readList(config.work)).find(({ record }) => !this.#waiting.has(record.id)) ?? null
    } catch {
      // A list that cannot be read is told by whoever asks for it.
      return null
    }
  }

  async #take(step: RemovalStep): Promise<void> {
    const { record } = step
    const work = this.others.mount.state().config.work!
    try {
      const branch = heldByBranches(work).get(record.id)
      if (branch !== undefined) throw new StratafsError(`branch ${branch} stands on it`, 'IN_USE')
      const user = this.#userOf(work, record)
      if (user !== null) throw new StratafsError(`${user} uses it`, 'IN_USE')
      if (step.act === 'rest') await this.others.alone(() => this.others.freezeRest())
      else if (step.act === 'drop') await this.others.alone(async () => dropLayer(work, record))
      else await this.#merge(work, record, step.into)
      if (step.act !== 'rest') await this.others.alone(() => this.#countAgain())
    } catch (error) {
      const why = error instanceof StratafsError ? error.message : errorWords(error)
      const forGood = !(error instanceof StratafsError) || error.code !== 'IN_USE'
      this.#waiting.set(record.id, { name: record.name, why, forGood })
      this.others.mount.log('warn', 'the layer of a removed snapshot stays for now', { name: record.name, why })
    }
  }

  /** With a limit: names have gone from layers that the engine keeps count of. */
  async #countAgain(): Promise<void> {
    await this.others.mount.engine.ask({ what: 'limit', change: { shrunk: true } })
  }

  async #merge(work: string, { id, name }: SnapshotRecord, into: SnapshotRecord): Promise<void> {
    const merge = { upper: this.others.mount.state().config.upper!, work, id, into: into.id }
    this.#now = plainName(name)
    const plan = await planBeside(merge, (looked) => {
      this.#looked = looked
      return sleep(0)
    })
    const milliseconds = await this.others.alone(() => this.#carryOut(merge, plan))
    const told = { name, into: into.name, names: plan.moves.length, milliseconds }
    this.others.mount.log('info', 'the layer of a removed snapshot went into the one above', told)
  }

  /** For how long the mount stood still. */
  async #carryOut(merge: Merge, plan: MergePlan): Promise<number> {
    const { mount } = this.others
    const { work, id, into } = merge
    if (!isAsPlanned(readList(work), id, into!) || heldByBranches(work).has(id)) return 0
    beginMerge(merge, plan)
    const path = directoryOf(work, id)
    if (!mount.state().config.lowers.includes(path)) {
      resumeMerge(merge.upper, work, { id, into })
      return 0
    }
    const answer = (await mount.engine.ask({ what: 'merge', plan }, true)) as MergeAnswer | null
    if (answer === null) throw new StratafsError('the engine has ended: the next mount goes on', 'DAEMON_DEAD')
    if ('refusal' in answer) {
      removeJournal(work)
      throw failureFrom(answer.refusal).map(shown)
    }
    this.#restate(path)
    finishMerge(merge)
    return answer.milliseconds
  }

  #restate(path: string): void {
    const { mount } = this.others
    const state = mount.state()
    const { lowers, layerNames = [], snapshots = 0 } = state.config
    const at = lowers.indexOf(path)
    const without = <T>(list: readonly T[]): T[] => list.filter((_, i) => i !== at)
    const stack = { lowers: without(lowers), layerNames: without(layerNames), snapshots: snapshots - 1 }
    mount.restate({ ...state, config: { ...state.config, ...stack } })
  }
}

/** Nobody has made or removed another one of the two meanwhile. */
function isAsPlanned({ base, snapshots }: SnapshotList, id: number, into: number): boolean {
  const above = snapshots.filter(({ parent }) => parent === id)
  return base !== id && above.length === 1 && above[0]!.id === into
}

function plainName(name: string): string {
  return name.replace(/ \(removed\)$/, '')
}
