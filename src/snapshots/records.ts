/**
 * What a workdir says of its snapshots. `snapshots/snapshots.json` is for people, too: names, times, messages, and
 * which snapshot each stands on. The directories beside it, called by number, are what the upper was then, each a lower
 * layer. `snapshots/journal.json` is there while one is being made, or gone back to.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { errorWords } from '../base/errno-words.js'
import { StratafsError } from '../base/failure.js'
import { pathBytes } from '../base/text.js'
import { damaged, writeDocument } from './document.js'
import type { MergePlan } from './merge-plan.js'

export interface SnapshotRecord {
  /** Its directory's name. */
  readonly id: number
  readonly name: string
  readonly message: string | null
  /** ISO time. */
  readonly created: string
  /** The one that it stands on; null: the lower layers. */
  readonly parent: number | null
  /**
   * It is in no list any more, and its layer goes into the one above as soon as that can be. `rest`: it never was in
   * one; what the upper held when a snapshot below it went. Its name is none that a snapshot can have.
   */
  readonly removed?: 'snapshot' | 'rest'
}

export interface SnapshotList {
  readonly version: 1
  /** What the present upper stands on. */
  readonly base: number | null
  /** The oldest first. */
  readonly snapshots: readonly SnapshotRecord[]
}

/**
 * A snapshot is being made, or the present is going back to one: `token` tells its new upper from any other. Or the
 * layer `id` becomes one with `into` (null: the upper), as `merge.json` has it.
 */
type Journal =
  | { readonly create: SnapshotRecord }
  | { readonly restore: { readonly id: number; readonly token: string } }
  | { readonly merge: { readonly id: number; readonly into: number | null } }

const NONE: SnapshotList = { version: 1, base: null, snapshots: [] }

/** Where the snapshots of a workdir lie (latin1, as all paths here). */
export function storeOf(work: string): string {
  return `${work}/snapshots`
}

/** Whether it may hold any: the one question that most mounts need. */
export function hasSnapshots(work: string): boolean {
  return existsSync(pathBytes(storeOf(work)))
}

export function directoryOf(work: string, id: number): string {
  return `${storeOf(work)}/${id}`
}

/** The layers of `chain`. */
export function directoriesOf(work: string, chain: readonly SnapshotRecord[]): string[] {
  return chain.map(({ id }) => directoryOf(work, id))
}

/** The list; an empty one where there is none. Throws StratafsError where it cannot be read. */
export function readList(work: string): SnapshotList {
  const path = `${storeOf(work)}/snapshots.json`
  const list = readDocument(path)
  if (list === null) return NONE
  if (isList(list)) return list
  throw damaged(path, 'it is no list of snapshots')
}

export function writeList(work: string, list: SnapshotList): void {
  writeDocument(storeOf(work), 'snapshots.json', list)
}

/** What is being done; null: nothing. Throws StratafsError where that cannot be told. */
export function readJournal(work: string): Journal | null {
  const path = `${storeOf(work)}/journal.json`
  const journal = readDocument(path)
  if (journal === null) return null
  if (isJournal(journal)) return journal
  throw damaged(path, 'it is no journal')
}

/** On disk before anything is done. */
export function writeJournal(work: string, journal: Journal): void {
  mkdirSync(pathBytes(storeOf(work)), { recursive: true, mode: 0o700 })
  writeDocument(storeOf(work), 'journal.json', journal)
}

export function removeJournal(work: string): void {
  for (const name of ['journal.json', MERGE]) rmSync(pathBytes(`${storeOf(work)}/${name}`), { force: true })
}

const MERGE = 'merge.json'

/** On disk before the journal, and with it until all of it is done. */
export function writePlan(work: string, plan: MergePlan): void {
  writeDocument(storeOf(work), MERGE, plan, 0)
}

/** Throws StratafsError where there is none. */
export function readPlan(work: string): MergePlan {
  const path = `${storeOf(work)}/${MERGE}`
  const plan = readDocument(path) as MergePlan | null
  if (plan?.version === 1) return plan
  throw damaged(path, 'it is no plan of a merge')
}

/** Those that a person is shown. */
export function listed({ snapshots }: SnapshotList): SnapshotRecord[] {
  return snapshots.filter(({ removed }) => removed === undefined)
}

/** The list with one more, on which the present stands. */
export function withRecord(list: SnapshotList, record: SnapshotRecord): SnapshotList {
  const others = list.snapshots.filter(({ id }) => id !== record.id)
  return { ...list, base: record.id, snapshots: [...others, record] }
}

/** The snapshots that `from` stands on, itself first; of the present's base by default. Throws on a broken chain. */
export function chainOf(list: SnapshotList, from = list.base): SnapshotRecord[] {
  const chain: SnapshotRecord[] = []
  for (let id = from; id !== null; ) {
    const record = list.snapshots.find((each) => each.id === id)
    if (record === undefined || chain.includes(record))
      throw new StratafsError(`snapshot ${id} is missing in the list`, 'DAMAGED')
    chain.push(record)
    id = record.parent
  }
  return chain
}

/** The next number: none is given twice. */
export function nextId({ snapshots }: SnapshotList): number {
  return snapshots.reduce((most, { id }) => Math.max(most, id), 0) + 1
}

function readDocument(path: string): unknown {
  try {
    return JSON.parse(readFileSync(pathBytes(path), 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw damaged(path, error instanceof SyntaxError ? 'it is no JSON' : errorWords(error))
  }
}

function isList(value: unknown): value is SnapshotList {
  const { version, base, snapshots } = (value ?? {}) as Partial<SnapshotList>
  return version === 1 && isReference(base) && Array.isArray(snapshots) && snapshots.every(isRecord)
}

function isRecord(value: unknown): value is SnapshotRecord {
  const { id, name, message, created, parent } = (value ?? {}) as Partial<SnapshotRecord>
  const words = typeof name === 'string' && typeof created === 'string'
  return isId(id) && words && (message === null || typeof message === 'string') && isReference(parent)
}

function isJournal(value: unknown): value is Journal {
  const { create, restore, merge } = (value ?? {}) as {
    create?: unknown
    restore?: { id?: unknown; token?: unknown }
    merge?: { id?: unknown; into?: unknown }
  }
  if (merge !== undefined) return isId(merge.id) && isReference(merge.into)
  return isRecord(create) || (isId(restore?.id) && typeof restore.token === 'string' && /^\w+$/.test(restore.token))
}

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0
}

function isReference(value: unknown): value is number | null {
  return value === null || isId(value)
}
