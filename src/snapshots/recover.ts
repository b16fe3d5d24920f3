/**
 * Before a mount: finishes or undoes the snapshot that a daemon was making when it died. The new upper carries the
 * snapshot's number, so whether the two directories had changed places is seen in the upper itself.
 */
import { errnoWords } from '../base/errno-words.js'
import { StratafsError } from '../base/failure.js'
import { shown } from '../base/text.js'
import { latin1, TRUSTED_MARKS, USER_MARKS } from '../layers/marks.js'
import { removeTree } from '../layers/workdir.js'
import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_PATH } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { withFd } from '../syscalls/owned-fd.js'
import { Stat } from '../syscalls/stat.js'
import { sweepAside } from './aside.js'
import { resumeMerge } from './merge.js'
import {
  directoryOf,
  readJournal,
  readList,
  removeJournal,
  type SnapshotRecord,
  storeOf,
  withRecord,
  writeList,
} from './records.js'

/** The number of the snapshot that the directory at `path` was made to stand on; null: it says none. */
export function standsOn(path: string): number | null {
  const mark = markOf(path)
  return mark === null ? null : Number(mark.split(':')[0])
}

/** `NUMBER`, or `NUMBER:TOKEN` where somebody went back to that snapshot. */
function markOf(path: string): string | null {
  for (const prefix of [TRUSTED_MARKS, USER_MARKS]) {
    const value = native.getxattr(AT_FDCWD, path, `${prefix}stratafs.snapshot`)
    if (typeof value !== 'number') return latin1(value)
  }
  return null
}

/** Whether `upper` is the one that stands on the snapshot `id` since somebody went back to it with `token`. */
export function isRestored(upper: string, { id, token }: { readonly id: number; readonly token: string }): boolean {
  return markOf(upper) === `${id}:${token}`
}

/** Nothing is half done in `work` from here on. Throws StratafsError where that cannot be had. */
export function recover(upper: string, work: string): void {
  const journal = readJournal(work)
  if (journal === null) return sweepAside(work)
  if ('merge' in journal) return resumeMerge(upper, work, journal.merge)
  const opened = native.openat(AT_FDCWD, storeOf(work), O_PATH | O_DIRECTORY | O_NOFOLLOW, 0)
  if (opened < 0) throw unfinished(work, opened)
  withFd(opened, (store) => {
    if ('create' in journal) recoverCreate(upper, work, store, journal.create)
    else recoverRestore(upper, work, store, journal.restore)
  })
  removeJournal(work)
}

function recoverCreate(upper: string, work: string, store: number, record: SnapshotRecord): void {
  const isMade = standsOn(upper) === record.id
  if (isMade) finish(work, store, record.id)
  else undo(work, store, record.id)
  removeTree(store, `kept-${record.id}`)
  if (isMade) writeList(work, withRecord(readList(work), record))
}

/** The upper is the new one, or that one is still where it was made. */
function recoverRestore(
  upper: string,
  work: string,
  store: number,
  { id, token }: { id: number; token: string },
): void {
  const isDone = isRestored(upper, { id, token })
  const index = `index-${token}`
  if (isDone) writeList(work, { ...readList(work), base: id })
  // The new one has none of the last one's hard links; where it was put back, so is its index.
  if (isDone) removeTree(store, index)
  else if (native.statat(store, index) >= 0) putBackIndex(work, store, index)
  removeTree(store, `old-${token}`)
}

function putBackIndex(work: string, store: number, index: string): void {
  const base = native.openat(AT_FDCWD, work, O_PATH | O_DIRECTORY, 0)
  if (base < 0) throw unfinished(work, base)
  withFd(base, (fd) => {
    removeTree(fd, 'index')
    return native.renameat(store, index, fd, 'index', 0)
  })
}

function unfinished(work: string, errno: number): StratafsError {
  return new StratafsError(
    `the snapshot that was being made in ${shown(work)} cannot be finished (${errnoWords(errno)})`,
    'MOUNT_REFUSED',
  )
}

/** The directories had changed places: the snapshot gets those of its copies that it has not yet. */
function finish(work: string, store: number, id: number): void {
  const name = `kept-${id}`
  const list = native.openat(store, `${name}/files.json`, 0, 0)
  if (list < 0) return
  const text = textOf(list)
  native.close(list)
  const files = JSON.parse(text) as { paths: string[]; copy: string }[]
  for (const { paths, copy } of files) {
    if (native.statat(store, `${name}/${copy}`) < 0) continue
    const [first, ...others] = paths as [string, ...string[]]
    for (const path of others) {
      native.unlinkat(store, `${name}/${copy}.link`, 0)
      const linked = native.linkat(store, `${name}/${copy}`, store, `${name}/${copy}.link`)
      const errno = linked < 0 ? linked : putAt(store, `${name}/${copy}.link`, id, path)
      if (errno < 0) throw unfinished(work, errno)
    }
    const errno = putAt(store, `${name}/${copy}`, id, first)
    if (errno < 0) throw unfinished(work, errno)
  }
}

/** Puts what is at `from` in the store at `path` of the snapshot. */
function putAt(store: number, from: string, id: number, path: string): number {
  const slash = path.lastIndexOf('/')
  const above = [String(id), path.slice(0, Math.max(0, slash))].filter(Boolean).join('/')
  const dir = native.openBeneath(store, above, DIR, 0)
  return dir < 0 ? dir : withFd(dir, (at) => replace(store, from, at, path.slice(slash + 1)))
}

const DIR = O_PATH | O_DIRECTORY

/** The directory's times stay. */
function replace(store: number, from: string, at: number, name: string): number {
  native.statat(at, '')
  const { stat } = native
  const times = [stat[Stat.ATIME]!, stat[Stat.ATIME_NS]!, stat[Stat.MTIME]!, stat[Stat.MTIME_NS]!] as const
  const errno = native.renameat(store, from, at, name, 0)
  return errno < 0 ? errno : native.utimensat(at, '', ...times)
}

function textOf(fd: number): string {
  native.statat(fd, '')
  const bytes = new Uint8Array(native.stat[Stat.SIZE]!)
  native.pread(fd, bytes, 0, bytes.length, 0)
  return latin1(bytes)
}

/** They had not: what lies in the snapshot's place is the new upper, of which nothing was used yet. */
function undo(work: string, store: number, id: number): void {
  const place = standsOn(directoryOf(work, id))
  if (place === id) removeTree(store, String(id))
  else if (native.statat(store, String(id)) >= 0)
    throw new StratafsError(
      `${shown(directoryOf(work, id))} is there, and is neither a snapshot nor a new upperdir`,
      'DAMAGED',
      'move it away',
    )
}
