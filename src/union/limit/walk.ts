/** Counting what a mount has put on its disk, the upper and the snapshots that were uppers before, and keeping it. */
import { SNAPSHOTS } from '../../layers/workdir.js'
import { O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'
import type { Union, Writable } from '../context/union.js'
import type { UsageFile } from './usage-file.js'

/** Begins that for the usage `id`, beside the mount where `wakeFd` is one; or -errno. */
export function beginWalk(id: number, { layer, work }: Writable, wakeFd: number): number {
  const store = native.openat(work.baseFd, SNAPSHOTS, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0)
  const errno = native.usageWalk(id, layer.rootFd, work.index?.fd ?? -1, store, wakeFd)
  if (store >= 0) native.close(store)
  return errno
}

/** The empty directory `fd` counts no longer; false where it is not empty. */
export function dropEmpty(id: number, fd: number): boolean {
  const listed = native.readDirectory(fd, '')
  if (typeof listed === 'number' || listed.names.length > 0 || native.statat(fd, '') < 0) return false
  return native.usageDrop(id, native.stat[Stat.INO_LOW]!, native.stat[Stat.INO_HIGH]!) >= 0
}

/** Writes the `count` inodes of the usage `id` down for the next mount. */
export function keepEntries(id: number, count: number, u: Union, file: UsageFile): void {
  const { work } = u.writable!
  const entries = new Float64Array(count * 3)
  native.usageEntries(id, entries)
  // The last that is done in `work/`, whose stamp is kept.
  if (u.config.volatile) work.clearVolatile()
  work.whiteout.close()
  file.complete(entries, work, u.syncs)
}

/** The upper's root, for who syncs its filesystem and closes it; or -errno. */
export function openRoot(u: Union): number {
  return native.openat(u.writable!.layer.rootFd, '.', O_RDONLY | O_DIRECTORY, 0)
}
