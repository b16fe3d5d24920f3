/**
 * Going back: an empty upper that stands on a snapshot takes the place of the present one, and a new union is set up
 * over it. What the kernel knows of the last one means nothing any more. Until the new union stands, everything can be
 * put back; after a crash the next mount finishes or undoes it (src/snapshots/recover.ts).
 */
import { errnoWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { originMark } from '../../layers/origin-mark.js'
import { removeTree } from '../../layers/workdir.js'
import {
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  S_PERMISSIONS,
} from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { withFd } from '../../syscalls/owned-fd.js'
import { Stat } from '../../syscalls/stat.js'
import type { UnionConfig } from '../context/config.js'
import type { Union } from '../context/union.js'
import { cancelBringing } from '../copy-up/background-copy.js'
import { dropAhead } from '../copy-up/prefetch.js'
import { setTimes } from '../copy-up/set-times.js'
import { copyXattrs } from '../copy-up/xattrs.js'
import { closeBacking } from '../data/backing.js'
import { dropContentFd } from '../data/content-fd.js'
import { inParts } from '../nodes/in-parts.js'
import type { Ledger } from '../state/ledger.js'
import { sweepVoid } from '../state/other-tree.js'
import { openPlaces, type Places } from './places.js'

/** Where to go back to. */
export interface RestoreOrder {
  /** The snapshot. */
  readonly id: number
  /** Tells the new upper from any other. */
  readonly token: string
  /** The mount, as it will be. */
  readonly config: UnionConfig
  /** The kernel forgets by name: those in the root are wanted. */
  readonly byName: boolean
}

/**
 * Exchanges the upper of `u` for an empty one on the snapshot, and sets up the union over it by `again`; or says why
 * not, with nothing changed. `u` is not to be used any more then, but by `leave`.
 */
export function restore(
  u: Union,
  order: RestoreOrder,
  again: (config: UnionConfig) => Union | StratafsError,
): Union | StratafsError {
  if (u.writable === null || u.config.volatile)
    return new StratafsError('a read-only or volatile mount cannot go back', 'FAILED', 'mount it otherwise')
  const places = openPlaces(u)
  if (places instanceof StratafsError) return places
  try {
    return restoreIn(u, places, order, again)
  } finally {
    places.close()
  }
}

function restoreIn(
  u: Union,
  places: Places,
  order: RestoreOrder,
  again: (config: UnionConfig) => Union | StratafsError,
): Union | StratafsError {
  quiet(u)
  u.limit?.freezing()
  u.limit?.frozen([])
  const { work } = u.writable!
  const aside = `old-${order.token}`
  const index = `index-${order.token}`
  let errno = makeUpper(u, places, order, aside)
  if (errno >= 0) errno = native.renameat(places.store, aside, places.parent, places.name, RENAME_EXCHANGE)
  if (errno < 0) {
    removeTree(places.store, aside)
    return new StratafsError(`the upperdir cannot be exchanged for a new one: ${errnoWords(errno)}`)
  }
  native.renameat(work.baseFd, 'index', places.store, index, RENAME_NOREPLACE)
  const next = again(order.config)
  if (!(next instanceof StratafsError)) return next
  removeTree(work.baseFd, 'index')
  native.renameat(places.store, index, work.baseFd, 'index', RENAME_NOREPLACE)
  native.renameat(places.store, aside, places.parent, places.name, RENAME_EXCHANGE)
  removeTree(places.store, aside)
  return next
}

/** Nothing of it is under way, and nothing of its is in the workdir. */
function quiet(u: Union): void {
  cancelBringing(u)
  dropAhead(u)
  native.stopWarming()
  u.writable!.work.whiteout.close()
}

/** The empty upper, `name` in the store: its root is as that of the snapshot. */
function makeUpper(u: Union, { store }: Places, { id, token }: RestoreOrder, name: string): number {
  const opened = native.openat(store, String(id), O_PATH | O_DIRECTORY | O_NOFOLLOW, 0)
  if (opened < 0) return opened
  return withFd(opened, (from) => {
    const made = native.mkdirat(store, name, 0o700)
    const to = made < 0 ? made : native.openat(store, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0)
    return withFd(to, () => dress(u, from, to, `${id}:${token}`))
  })
}

function dress(u: Union, from: number, to: number, mark: string): number {
  let errno = native.statat(from, '')
  if (errno < 0) return errno
  const stat = native.stat.slice()
  const marks = u.marks.read(from, '')
  const number = typeof marks === 'number' ? null : marks.inode
  errno = native.chownat(to, '', stat[Stat.UID]!, stat[Stat.GID]!)
  if (errno >= 0) errno = copyXattrs(u, from, '', to, '', false)
  if (errno >= 0) errno = u.marks.set(to, '', 'stratafs.snapshot', mark)
  // It lies on the upper's filesystem.
  const origin = originMark(from, '', u.writable!.layer.root)
  if (errno >= 0 && origin !== null) errno = u.marks.set(to, '', 'origin', origin)
  if (errno >= 0) errno = u.marks.set(to, '', 'stratafs.ino', String(number ?? u.root.ino))
  if (errno >= 0) errno = native.chmodat(to, '', stat[Stat.MODE]! & S_PERMISSIONS)
  return errno < 0 ? errno : setTimes(to, '', stat)
}

/** Nobody is served by `u` any more: contents are let go of, so that none is read or written by a nodeid of its. */
export function leave(u: Union): void {
  for (const node of [...u.files.nodes]) dropContentFd(u, node)
}

/**
 * After `leave`: what is passed through goes, in parts. Files that are open live on by themselves. `ledger`: it knows
 * all of them.
 */
export function* letGo(u: Union, ledger: Ledger | null): Generator<void> {
  if (ledger !== null) return yield* sweepVoid(ledger, (id) => u.binding.closeBacking(id))
  for (const ghost of u.nodes.ghosts()) closeBacking(u, ghost)
  for (const node of inParts(u.nodes.values())) {
    if (node === null) yield
    else closeBacking(u, node)
  }
}
