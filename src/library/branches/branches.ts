/**
 * The library's functions for branches: further mounts that begin as a snapshot of one, each with an upper of its own
 * in the workdir of the mount that it branches off. A branch is a mount like others, so it can have branches, too.
 */

import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { StratafsError } from '../../base/failure.js'
import { pathBytes, printable, shown } from '../../base/text.js'
import { listMounts, type MountState } from '../../daemon/mount/run-directory.js'
import { escapePath } from '../../daemon/options/split.js'
import { removeAside } from '../../snapshots/aside.js'
import { makeBranchPlace } from '../../snapshots/branch-place.js'
import {
  type BranchRecord,
  branchDirectory,
  branchOf,
  changeBranches,
  heldByBranches,
  readBranches,
} from '../../snapshots/branches.js'
import { readMerging } from '../../snapshots/merging.js'
import { freeName, recordOf } from '../../snapshots/names.js'
import { chainOf, directoriesOf, readJournal, readList, type SnapshotRecord } from '../../snapshots/records.js'
import { MountClient } from '../../snapshotter/mounts/mount-client.js'
import { unmount } from '../mount.js'
import { absolute, type Path, resolved, toText } from '../paths.js'
import { createSnapshot, daemonOf, removeSnapshot } from '../snapshots.js'

export interface BranchOptions {
  /**
   * The snapshot that it begins as. Where none is named: the one that is called as the branch is, else one that is made
   * now and called so.
   */
  readonly from?: string | undefined
}

/** A branch, as a list shows it. */
export interface BranchSummary {
  readonly name: string
  /** The snapshot that it began as. */
  readonly snapshot: string
  /** ISO time. */
  readonly created: string
  /** Where it is mounted, or was last. */
  readonly mountpoint: string
  readonly mounted: boolean
  /** What was changed in it. */
  readonly upper: string
}

export interface BranchCreated extends BranchSummary {
  /** How long all of it took. */
  readonly milliseconds: number
}

/** Its state, with the upper and workdir that branches need. */
export type Parent = MountState & { readonly config: { readonly upper: string; readonly work: string } }

/** Throws StratafsError where the mount can have no branches. */
export function parentOf(mountpoint: Path): Parent {
  const { state } = daemonOf(mountpoint)
  const { upper, work, readonly } = state.config
  if (upper !== null && work !== null && !readonly) return state as Parent
  throw new StratafsError(`${toText(mountpoint)} has no branches: it is read-only`, 'INVALID_ARGUMENT')
}

/** Mounts a branch of the mount on `mountpoint` on `directory`, which must be an empty one. */
export async function createBranch(
  mountpoint: Path,
  name: string,
  directory: Path,
  options: BranchOptions = {},
): Promise<BranchCreated> {
  const begun = performance.now()
  const { work } = parentOf(mountpoint).config
  checkPlace(directory)
  checkName(readBranches(work), name)
  const { record: snapshot, own } = await snapshotFor(mountpoint, work, name, options.from)
  const record = addRecord(work, { name, snapshot: snapshot.id, own, mountpoint: resolved(directory) })
  try {
    makeBranchPlace(work, record.id, snapshot.id)
    await mountRecord(mountpoint, record)
  } catch (error) {
    dropRecord(work, record.id)
    if (own) await removeSnapshot(mountpoint, snapshot.name, { background: true })
    throw error
  }
  return { ...summaryOf(work, record), milliseconds: performance.now() - begun }
}

function checkName(branches: readonly BranchRecord[], name: string): void {
  const free = freeName({ version: 1, base: null, snapshots: branches.map(asSnapshot) }, name, new Date())
  if (!(free instanceof StratafsError)) return
  throw free.code === 'EXISTS' ? new StratafsError(`there is a branch ${name} already`, 'EXISTS') : free
}

function addRecord(work: string, given: Omit<BranchRecord, 'id' | 'created'>): BranchRecord {
  let record: BranchRecord | null = null
  changeBranches(work, (branches) => {
    checkName(branches, given.name)
    const id = branches.reduce((most, each) => Math.max(most, each.id), 0) + 1
    record = { ...given, id, created: new Date().toISOString() }
    return [...branches, record]
  })
  return record!
}

/** Its directory goes first: another branch may have its number then. */
function dropRecord(work: string, id: number): void {
  discard(work, id)
  changeBranches(work, (branches) => branches.filter((each) => each.id !== id))
}

/** Mounts a branch again that was unmounted; nothing where it is mounted there. */
export async function mountBranch(mountpoint: Path, name: string, directory: Path): Promise<BranchSummary> {
  const { work } = parentOf(mountpoint).config
  checkPlace(directory)
  const record = { ...branchOf(work, name), mountpoint: resolved(directory) }
  const at = mountedAt(work, record)
  if (at === record.mountpoint) return summaryOf(work, record)
  if (at !== null)
    throw new StratafsError(`branch ${name} is mounted on ${shown(at)}`, 'IN_USE', 'unmount it there first')
  await mountRecord(mountpoint, record)
  changeBranches(work, (branches) => branches.map((each) => (each.id === record.id ? record : each)))
  return summaryOf(work, record)
}

/** The branches of the mount on `mountpoint`, the oldest first. */
export function listBranches(mountpoint: Path): BranchSummary[] {
  const { work } = parentOf(mountpoint).config
  return readBranches(work).map((record) => summaryOf(work, record))
}

/** Unmounts a branch, and removes what was changed in it; the snapshot goes, too, where it was made for it alone. */
export async function removeBranch(mountpoint: Path, name: string): Promise<void> {
  const { work } = parentOf(mountpoint).config
  const record = branchOf(work, name)
  const [child] = readBranches(`${branchDirectory(work, record.id)}/work`)
  if (child !== undefined)
    throw new StratafsError(`branch ${child.name} branches off branch ${name}`, 'IN_USE', 'remove that one first')
  checkMerged(work, name)
  const at = mountedAt(work, record)
  if (at !== null) await unmount(pathBytes(at))
  dropRecord(work, record.id)
  const snapshot = readList(work).snapshots.find(({ id }) => id === record.snapshot)
  const isNeeded = snapshot === undefined || heldByBranches(work).has(snapshot.id)
  if (record.own && !isNeeded && snapshot.removed === undefined) await removeWhenFree(mountpoint, snapshot.name)
}

/** What is merged in part is there in the branch alone. */
function checkMerged(work: string, name: string): void {
  const merging = readMerging(work)
  if (merging?.branch !== name) return
  const remedy = `merge it again, or go back with \`stratafs snapshot restore MERGED ${merging.before}\``
  throw new StratafsError(`branch ${name} is merged in part`, 'IN_USE', remedy)
}

/** Its mount has just ended, which takes a moment to be known everywhere. */
async function removeWhenFree(mountpoint: Path, name: string): Promise<void> {
  for (const until = Date.now() + ENDING_MS; ; await sleep(AGAIN_MS)) {
    try {
      await removeSnapshot(mountpoint, name, { background: true })
      return
    } catch (error) {
      if (!(error instanceof StratafsError) || error.code !== 'IN_USE' || Date.now() > until) throw error
    }
  }
}

const ENDING_MS = 5_000
const AGAIN_MS = 50

function asSnapshot({ id, name, created }: BranchRecord): SnapshotRecord {
  return { id, name, created, message: null, parent: null }
}

function checkPlace(directory: Path): void {
  const path = absolute(directory)
  if (existsSync(pathBytes(path)) && statSync(pathBytes(path)).isDirectory()) return
  throw new StratafsError(`${toText(directory)} is no directory`, 'NOT_FOUND', 'make it first')
}

async function snapshotFor(
  mountpoint: Path,
  work: string,
  name: string,
  from: string | undefined,
): Promise<{ record: SnapshotRecord; own: boolean }> {
  if (from !== undefined) return { record: recordOf(readList(work), from), own: false }
  const known = readList(work).snapshots.find((each) => each.name === name)
  if (known !== undefined) return { record: known, own: false }
  await createSnapshot(mountpoint, { name, message: `where branch ${name} begins` })
  return { record: recordOf(readList(work), name), own: true }
}

/** Words that say what a mount consists of, and what a branch has of its own or cannot have. */
const NOT_TAKEN = /^(?:lowerdir|datadir|upperdir|workdir|size|inodes|changelog|index|index-fill|ro|rw)(?:\+?=|$)/

/** Mounts it; once more where one of its layers was merged away meanwhile. */
export async function mountRecord(mountpoint: Path, record: BranchRecord): Promise<void> {
  const parent = parentOf(mountpoint)
  const { work } = parent.config
  for (;;) {
    await settled(work)
    const chain = chainOf(readList(work), record.snapshot)
    await mountOn(parent, chain, record)
    await settled(work)
    const now = chainOf(readList(work), record.snapshot)
    if (chain.map(({ id }) => id).join() === now.map(({ id }) => id).join()) return
    await unmount(pathBytes(record.mountpoint))
  }
}

/** Nothing is being done with the snapshots, which takes moments. */
async function settled(work: string): Promise<void> {
  for (const until = Date.now() + ENDING_MS; readJournal(work) !== null && Date.now() < until; ) await sleep(1)
}

const clients = new Map<string, MountClient>()

/** Knows the host after the first branch, and asks it itself from then on. Hosts are looked for in one place each. */
function mountClient(): MountClient {
  const place = process.env.STRATAFS_RUN_DIR ?? ''
  const known = clients.get(place) ?? new MountClient()
  clients.set(place, known)
  return known
}

/** By the host, where there is one: that takes milliseconds. */
async function mountOn(
  { config, options }: Parent,
  chain: readonly SnapshotRecord[],
  { id, mountpoint }: BranchRecord,
): Promise<void> {
  const { work, lowers, dataLowers = [], snapshots = 0 } = config
  const place = branchDirectory(work, id)
  await mountClient().mount({
    deferred: false,
    mountpoint,
    lowers: [...directoriesOf(work, chain), ...lowers.slice(snapshots)],
    upper: { path: `${place}/upper`, work: `${place}/work` },
    options: [
      ...options.filter((word) => !NOT_TAKEN.test(word)),
      ...dataLowers.map((path) => `datadir+=${escapePath(path)}`),
    ],
  })
}

/** Where a branch is mounted now; null: nowhere. Latin1. */
export function mountedAt(work: string, { id }: BranchRecord): string | null {
  const upper = `${branchDirectory(work, id)}/upper`
  return listMounts().find(({ state }) => state.config.upper === upper)?.state.mountpoint ?? null
}

function summaryOf(work: string, record: BranchRecord): BranchSummary {
  const at = mountedAt(work, record)
  const snapshot = readList(work).snapshots.find(({ id }) => id === record.snapshot)
  return {
    name: record.name,
    snapshot: printable(snapshot?.name ?? '?'),
    created: record.created,
    mountpoint: shown(at ?? record.mountpoint),
    mounted: at !== null,
    upper: shown(`${branchDirectory(work, record.id)}/upper`),
  }
}

/** Beside whoever has it to do. */
function discard(work: string, id: number): void {
  const store = `${work}/snapshots`
  const aside = `old-branch${id}x${randomUUID().replaceAll('-', '')}`
  mkdirSync(pathBytes(store), { recursive: true, mode: 0o700 })
  try {
    renameSync(pathBytes(branchDirectory(work, id)), pathBytes(`${store}/${aside}`))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  removeAside(work, [aside])
}
