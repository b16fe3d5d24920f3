/**
 * Finding one name in a merged directory: the rules are in stack/search.ts; here the index, where there is one, answers
 * for the lower parts together. Without an answer from it the parts are asked one by one, so it can be absent, behind
 * or wrong about its own completeness without anything else being different.
 */
import { Errno } from '../../base/errno.js'
import type { DirectoryView } from '../../owner-index/engine/directory-view.js'
import { NEVER } from '../../owner-index/engine/view-slot.js'
import { type Found, searchParts } from '../../stack/search.js'
import { readOpaqueX } from '../../stack/search-state.js'
import { native } from '../../syscalls/native.js'
import type { DirState } from '../nodes/node.js'
import type { Union } from './union.js'

export { Found } from '../../stack/found.js'

/** What the index knows of the lower parts of `dir`; null where they must be asked. */
export function viewOf(u: Union, dir: DirState): DirectoryView | null {
  const index = u.lowerIndex
  if (index === null) return null
  if (index.serves(dir.lowers.length)) return index.view(u, dir)
  if (dir.ownerView !== NEVER && dir.lowers.length === 1) index.came(dir)
  return null
}

/** Searches `name` in `dir`; `first` as for `searchParts`. */
export function search(u: Union, dir: DirState, name: string, first: number): Found {
  return searchParts(u, dir, name, first, viewOf(u, dir))
}

/**
 * Whether `name` stands in a lower part of the directory, so that hiding it takes a whiteout: 1 or 0. -errno where a
 * layer cannot be read, which must not be taken for one without the name. As ovl_lower_positive().
 */
export function isLowerPositive(u: Union, dir: DirState, name: string): number {
  const known = viewOf(u, dir)?.shows(name) ?? null
  if (known !== null) return known ? 1 : 0
  for (const lower of dir.lowers) {
    const fd = u.cache.fd(lower)
    if (fd < 0) return fd
    readOpaqueX(u, lower, fd)
    const errno = native.statat(fd, name)
    if (errno >= 0) return u.whiteouts.isWhiteout(lower, fd, name) ? 0 : 1
    if (errno !== -Errno.ENOENT && errno !== -Errno.ENOTDIR) return errno
    if (u.whiteouts.hasAufsWhiteout(lower, fd, name)) return 0
  }
  return 0
}
