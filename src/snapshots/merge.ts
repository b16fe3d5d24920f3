/**
 * Making one of two layers, from its plan to the end. The plan is on disk before anything is changed, and after the
 * journal says so there is no way back: whoever finds it goes on. What the layer leaves behind is removed, but for
 * inodes whose numbers are in use above: those wait, empty, in `numbers/`.
 */
import { errnoWords } from '../base/errno-words.js'
import { StratafsError } from '../base/failure.js'
import { shown } from '../base/text.js'
import { MarkStore, TRUSTED_MARKS, USER_MARKS } from '../layers/marks.js'
import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_PATH } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { withFd } from '../syscalls/owned-fd.js'
import { Stat } from '../syscalls/stat.js'
import { moveAside, NUMBERS, sweepAside } from './aside.js'
import { heldByBranches } from './branches.js'
import { applyMerge } from './merge-apply.js'
import { type MergePlan, MergePlanner } from './merge-plan.js'
import { LayerSide } from './merge-side.js'
import {
  directoryOf,
  readList,
  readPlan,
  removeJournal,
  type SnapshotList,
  storeOf,
  writeJournal,
  writeList,
  writePlan,
} from './records.js'

/** Which layers, in which workdir. `upper`: the upperdir. */
export interface Merge {
  readonly upper: string
  readonly work: string
  readonly id: number
  /** null: the upper. */
  readonly into: number | null
}

/** Runs `act` on both roots, the lower one first. Throws StratafsError where they cannot be opened. */
function withRoots<T>({ upper, work, id, into }: Merge, act: (lower: number, upper: number) => T): T {
  const flags = O_PATH | O_DIRECTORY | O_NOFOLLOW
  const open = (path: string): number => checked(path, native.openat(AT_FDCWD, path, flags, 0))
  return withFd(open(directoryOf(work, id)), (lower) =>
    withFd(open(into === null ? upper : directoryOf(work, into)), (above) => act(lower, above)),
  ) as T
}

function checked(path: string, answer: number): number {
  if (answer >= 0) return answer
  throw new StratafsError(`${shown(path)} cannot be opened: ${errnoWords(answer)}`)
}

/** Every upper that stands on a snapshot has a mark that says so. */
function prefixOf(upper: string): string {
  const trusted = native.getxattr(AT_FDCWD, upper, `${TRUSTED_MARKS}stratafs.snapshot`)
  return typeof trusted === 'number' ? USER_MARKS : TRUSTED_MARKS
}

/** The plan of `merge`, after pauses of `rest` in between. Throws StratafsError where it cannot be. */
export async function planBeside(merge: Merge, rest: (looked: number) => Promise<void>): Promise<MergePlan> {
  const flags = O_PATH | O_DIRECTORY | O_NOFOLLOW
  const { upper, work, id, into } = merge
  const sides: LayerSide[] = []
  const fds = [directoryOf(work, id), into === null ? upper : directoryOf(work, into)].map((path) =>
    native.openat(AT_FDCWD, path, flags, 0),
  )
  try {
    for (const fd of fds) sides.push(new LayerSide(checked(work, fd), new MarkStore(prefixOf(upper))))
    const steps = new MergePlanner(sides[0]!, sides[1]!, { id, into }).plan()
    for (let looked = 1; ; looked++) {
      const { done, value } = steps.next()
      if (done) return value
      if (looked % SLICE === 0) await rest(looked)
    }
  } finally {
    for (const side of sides) side.close()
    for (const fd of fds) if (fd >= 0) native.close(fd)
  }
}

/** Entries looked at between two pauses: some milliseconds. */
const SLICE = 500

function planAtOnce(merge: Merge): MergePlan {
  return withRoots(merge, (lower, upper) => {
    const marks = new MarkStore(prefixOf(merge.upper))
    const sides = [new LayerSide(lower, marks), new LayerSide(upper, marks)] as const
    try {
      const steps = new MergePlanner(sides[0], sides[1], merge).plan()
      for (;;) {
        const { done, value } = steps.next()
        if (done) return value
      }
    } finally {
      for (const side of sides) side.close()
    }
  })
}

/** From here on the merge is going to be. */
export function beginMerge({ work, id, into }: Merge, plan: MergePlan): void {
  writePlan(work, plan)
  writeJournal(work, { merge: { id, into } })
}

/** Does what the journal says, from wherever it ended. Throws StratafsError where that cannot be. */
export function resumeMerge(upper: string, work: string, { id, into }: { id: number; into: number | null }): void {
  const merge = { upper, work, id, into }
  // Its layer has gone already: the list alone was to follow.
  if (native.statat(AT_FDCWD, directoryOf(work, id)) >= 0) {
    const plan = readPlan(work)
    const index = native.openat(AT_FDCWD, `${work}/index`, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0)
    const errno = withRoots(merge, (lower, upper) => applyMerge(plan, { lower, upper, index }))
    if (index >= 0) native.close(index)
    if (errno < 0)
      throw new StratafsError(
        `the snapshots ${id} and ${into ?? 'above it'} in ${shown(work)} cannot be made one: ${errnoWords(errno)}`,
        'MOUNT_REFUSED',
        'make room where the upperdir lies, and mount again',
      )
  }
  finishMerge(merge)
}

/** All names have gone up: what is left of the layer goes, and the list says so. */
export function finishMerge(merge: Merge): void {
  const { work, id, into } = merge
  const place = directoryOf(work, id)
  if (native.statat(AT_FDCWD, place) >= 0) {
    const { kept } = readPlan(work)
    keepNumbers(work, id, kept)
    moveAside(work, id)
  }
  const list = readList(work)
  const parent = list.snapshots.find((record) => record.id === id)?.parent
  if (into === null && parent !== undefined) markUpper(merge.upper, parent)
  if (parent !== undefined) writeList(work, without(list, id, parent))
  removeJournal(work)
  sweepAside(work)
}

function without(list: SnapshotList, id: number, parent: number | null): SnapshotList {
  const snapshots = list.snapshots
    .filter((record) => record.id !== id)
    .map((record) => (record.parent === id ? { ...record, parent } : record))
  return { ...list, base: list.base === id ? parent : list.base, snapshots }
}

/** What stays behind with a number that is in use is kept under it, bottom up. */
function keepNumbers(work: string, id: number, kept: readonly string[]): void {
  if (kept.length === 0) return
  const numbers = `${storeOf(work)}/${NUMBERS}`
  native.mkdirat(AT_FDCWD, numbers, 0o700)
  for (const path of kept) {
    const from = path === '' ? directoryOf(work, id) : `${directoryOf(work, id)}/${path}`
    if (native.statat(AT_FDCWD, from) < 0) continue
    const { stat } = native
    const number = stat[Stat.INO_HIGH]! * 2 ** 32 + stat[Stat.INO_LOW]!
    native.renameat(AT_FDCWD, from, AT_FDCWD, `${numbers}/${number}`, 0)
  }
}

/** The upper stands on what the layer stood on; its root has been compared with that one's. */
function markUpper(upper: string, parent: number | null): void {
  const prefix = prefixOf(upper)
  native.removexattr(AT_FDCWD, upper, `${prefix}origin`)
  const name = `${prefix}stratafs.snapshot`
  if (parent === null) native.removexattr(AT_FDCWD, upper, name)
  else native.setxattr(AT_FDCWD, upper, name, Buffer.from(String(parent)), 0)
}

/**
 * Before a mount: what was kept below the upper only for a mount in use goes into it. Where that cannot be, it stays.
 */
export function mergeIntoUpper(upper: string, work: string): void {
  for (let list = readList(work); ; list = readList(work)) {
    const record = list.snapshots.find(({ id }) => id === list.base)
    if (record?.removed === undefined || list.snapshots.some(({ parent }) => parent === record.id)) return
    if (hasIndex(work) || heldByBranches(work).has(record.id)) return
    const merge = { upper, work, id: record.id, into: null }
    try {
      beginMerge(merge, planAtOnce(merge))
    } catch (error) {
      if (error instanceof StratafsError) return
      throw error
    }
    resumeMerge(upper, work, merge)
  }
}

/** Hard links of lower layers that are known by the workdir's index alone would be lost. */
function hasIndex(work: string): boolean {
  const entries = native.readDirectory(AT_FDCWD, `${work}/index`)
  return typeof entries !== 'number' && entries.names.length > 0
}
