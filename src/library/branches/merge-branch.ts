/**
 * Merging a branch: what was changed in it since it began is changed in the mount that it branched off, through that
 * mount, so that programs in it go on. What both have changed is refused, path by path, with nothing done, unless
 * somebody says whose word counts. A snapshot that is made before leads back.
 */
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StratafsError } from '../../base/failure.js'
import { fromText, pathBytes, shown } from '../../base/text.js'
import { escapePath } from '../../daemon/options/split.js'
import { type Change, diffSource } from '../../oci/changes/diff.js'
import { type BranchRecord, branchOf } from '../../snapshots/branches.js'
import { forgetMerging, type Merging, noteMerging, readMerging, whileMerging } from '../../snapshots/merging.js'
import { nameBefore } from '../../snapshots/names.js'
import { chainOf, directoriesOf, readList } from '../../snapshots/records.js'
import { AT_FDCWD } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { withFd } from '../../syscalls/owned-fd.js'
import { mount, unmount } from '../mount.js'
import { TreeApplication } from '../offline/tree-apply.js'
import { type MergeConflict, type MergeOutcome, TreeMerge } from '../offline/tree-merge.js'
import { isDirectory, stateAt } from '../offline/tree-state.js'
import type { Path } from '../paths.js'
import { createSnapshot, listSnapshots } from '../snapshots.js'
import { mountedAt, mountRecord, type Parent, parentOf } from './branches.js'

export type { MergeConflict } from '../offline/tree-merge.js'

export interface MergeOptions {
  /** Whose word counts where both have changed something: the mount's (`ours`), or the branch's (`theirs`). */
  readonly side?: 'ours' | 'theirs' | undefined
  /** Only tells what would be done. */
  readonly dryRun?: boolean | undefined
}

export interface BranchMerged {
  readonly name: string
  /** Paths that were changed in the mount, with a leading slash. */
  readonly changed: readonly string[]
  /** What both have changed; without a side nothing was done then. */
  readonly conflicts: readonly MergeConflict[]
  /** What the mount showed before; null: nothing was done. */
  readonly before: string | null
}

/**
 * Applies what was changed in the branch `name` to the mount on `mountpoint`. The branch stays as it is. A merge that
 * was ended in its middle is brought to its end first; that of this branch is the answer then.
 */
export async function mergeBranch(mountpoint: Path, name: string, options: MergeOptions = {}): Promise<BranchMerged> {
  const parent = parentOf(mountpoint)
  const { work } = parent.config
  const order = { name, side: options.side ?? null, dryRun: options.dryRun === true, left: null }
  if (order.dryRun) return perform(parent, order)
  return whileMerging(work, async () => {
    const left = readMerging(work)
    if (left === null) return perform(parent, order)
    const finished = await perform(parent, { name: left.branch, side: left.side, dryRun: false, left })
    return left.branch === name ? finished : perform(parentOf(mountpoint), order)
  })
}

interface Order {
  readonly name: string
  readonly side: 'ours' | 'theirs' | null
  readonly dryRun: boolean
  /** It was begun by somebody who died. */
  readonly left: Merging | null
}

async function perform(parent: Parent, { name, side, dryRun, left }: Order): Promise<BranchMerged> {
  const { mountpoint: ours, config } = parent
  const record = branchOf(config.work, name)
  return withBranch(parent, record, left !== null, async (theirs) => {
    // Who finds a merge half done does not ask: what the mount has changed since stays.
    const counts = side ?? (left === null ? null : 'ours')
    const outcome = await compare(parent, record, theirs, counts)
    const isRefused = outcome.conflicts.length > 0 && counts === null
    const told = { name, conflicts: outcome.conflicts.map(shownConflict) }
    const changed = outcome.actions.map(({ path }) => shown(path || '/'))
    if (dryRun || isRefused || (changed.length === 0 && left === null))
      return { ...told, changed: isRefused ? [] : changed, before: null }
    const before = left?.before ?? (await snapshotBefore(pathBytes(ours), record))
    if (left === null) noteMerging(config.work, { version: 1, branch: name, side, before })
    apply(new TreeApplication(ours, theirs), outcome, { name, before })
    flush(ours)
    forgetMerging(config.work)
    return { ...told, changed, before }
  })
}

function apply(tree: TreeApplication, outcome: MergeOutcome, { name, before }: { name: string; before: string }): void {
  try {
    tree.run(outcome.actions, outcome.looked)
  } catch (error) {
    if (!(error instanceof StratafsError)) throw error
    const remedy = `merge it again, or go back with \`stratafs snapshot restore MERGED ${before}\``
    throw new StratafsError(`branch ${name} is merged in part: ${error.message}`, error.code, remedy)
  }
}

/** Both since the branch began. */
async function compare(
  { mountpoint: ours, config, options: words }: Parent,
  record: BranchRecord,
  theirs: string,
  side: Order['side'],
): Promise<MergeOutcome> {
  const { work, lowers, snapshots = 0, dataLowers = [] } = config
  for (const path of [ours, theirs]) flush(path)
  const since = readList(work).snapshots.find(({ id }) => id === record.snapshot)!
  const [changes, changedByUs] = await Promise.all([
    diffSource({ merged: theirs }),
    diffSource({ merged: ours, from: since.name }),
  ])
  const chain = directoriesOf(work, chainOf(readList(work), record.snapshot))
  const read = [
    ...words.filter((word) => READING.test(word)),
    ...dataLowers.map((path) => `datadir+=${escapePath(path)}`),
  ]
  const base = { lowers: [...chain, ...lowers.slice(snapshots)], options: ['ro', ...read] }
  return withBase(base, (base) => outcomeOf({ ours, theirs, changes, changedByUs, side, base }))
}

/** Runs `act` with the path where the branch is mounted. `mounts`: it is mounted for that where it is not. */
async function withBranch<T>(
  parent: Parent,
  record: BranchRecord,
  mounts: boolean,
  act: (theirs: string) => Promise<T>,
): Promise<T> {
  const at = mountedAt(parent.config.work, record)
  if (at !== null) return act(at)
  if (!mounts)
    throw new StratafsError(
      `branch ${record.name} is not mounted`,
      'NOT_A_MOUNT',
      'mount it with `stratafs branch mount`',
    )
  const place = mkdtempSync(join(tmpdir(), 'stratafs-branch-'))
  try {
    await mountRecord(pathBytes(parent.mountpoint), { ...record, mountpoint: fromText(place) })
    try {
      return await act(fromText(place))
    } finally {
      await unmount(place)
    }
  } finally {
    rmdirSync(place)
  }
}

function shownConflict(conflict: MergeConflict): MergeConflict {
  return { ...conflict, path: shown(conflict.path || '/') }
}

/** What programs have written is on its way. */
function flush(path: string): void {
  const opened = native.openat(AT_FDCWD, path, 0, 0)
  if (opened >= 0) withFd(opened, (fd) => native.syncfs(fd))
}

/** Options of the mount that say how its layers are read; an ordinary user's redirects count where no other enters. */
const READING =
  /^(?:redirect_dir|metacopy|userxattr|xattr_permissions|uidmapping|gidmapping|squash_to_\w+|allow_\w+)(?:=|$)/

/** The tree that both come from, as a mount. Latin1. */
interface Base {
  readonly lowers: readonly string[]
  readonly options: readonly string[]
}

/** Runs `act` with it mounted. */
async function withBase<T>({ lowers, options }: Base, act: (base: string) => T): Promise<T> {
  const place = mkdtempSync(join(tmpdir(), 'stratafs-base-'))
  try {
    const base = await mount(place, { lower: lowers.map(pathBytes), options: shown(options.join(',')) })
    try {
      return act(fromText(base.mountpoint))
    } finally {
      await base.unmount()
    }
  } finally {
    rmdirSync(place)
  }
}

interface Given {
  readonly base: string
  readonly ours: string
  readonly theirs: string
  readonly changes: readonly Change[]
  readonly changedByUs: readonly Change[]
  readonly side: 'ours' | 'theirs' | null
}

function outcomeOf({ base, ours, theirs, changes, changedByUs, side }: Given): MergeOutcome {
  const trees = { base, ours, theirs }
  return new TreeMerge(trees, pathsOf(theirs, changes), pathsOf(ours, changedByUs), side).plan()
}

/** Where something may be other than it was, sorted; a renamed directory with all that is in it. */
function pathsOf(root: string, changes: readonly Change[]): string[] {
  const paths = new Set<string>()
  for (const { path, from, change } of changes) {
    if (path.includes('\ufffd'))
      throw new StratafsError(`${path} has a name that is no text, and cannot be merged`, 'INVALID_ARGUMENT')
    paths.add(fromText(path === '/' ? '' : path))
    if (from !== undefined && change !== 'D') addBelow(root, fromText(path), paths)
  }
  return [...paths].sort((a, b) => (`${a}/` < `${b}/` ? -1 : 1))
}

function addBelow(root: string, path: string, paths: Set<string>): void {
  const entries = isDirectory(stateAt(root + path)) ? native.readDirectory(AT_FDCWD, root + path) : -1
  if (typeof entries === 'number') return
  for (const name of entries.names) {
    paths.add(`${path}/${name}`)
    addBelow(root, `${path}/${name}`, paths)
  }
}

async function snapshotBefore(mountpoint: Path, { name }: BranchRecord): Promise<string> {
  const free = nameBefore(listSnapshots(mountpoint), 'merge', name)
  await createSnapshot(mountpoint, { name: free, message: `before branch ${name} was merged` })
  return free
}
