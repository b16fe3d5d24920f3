/**
 * Finding one name in a merged directory: the rules are in layers/top-down.ts; here the index, where there is one, answers
 * for the lower parts together. Without an answer from it the parts are asked one by one, so it can be absent, behind or
 * wrong about its own completeness without anything else being different.
 */
import type { LowerView } from '../index/view.js'
import { type Found, inspect, searchParts } from '../layers/top-down.js'
import { native } from '../syscalls/native.js'
import type { DirState } from './node.js'
import type { Union } from './union.js'

export { Found, inspect, joinRedirect } from '../layers/top-down.js'

/** What the index knows of the lower parts of `dir`; null where they must be asked. */
export function viewOf(u: Union, dir: DirState): LowerView | null {
  return u.lowerIndex === null || dir.lowers.length < 2 ? null : u.lowerIndex.view(u, dir)
}

/** Searches `name` in `dir`; `first` as for `searchParts`. */
export function search(u: Union, dir: DirState, name: string, first: number): Found {
  return searchParts(u, dir, name, first, viewOf(u, dir))
}

/** Whether `name` stands in a lower part of the directory, so that hiding it takes a whiteout. As ovl_lower_positive(). */
export function isLowerPositive(u: Union, dir: DirState, name: string): boolean {
  const known = viewOf(u, dir)?.shows(name) ?? null
  if (known !== null) return known
  for (const lower of dir.lowers) {
    const fd = u.cache.fd(lower)
    if (fd < 0) continue
    inspect(u, lower, fd)
    if (native.statat(fd, name) >= 0) return !u.whiteouts.isWhiteout(lower, fd, name)
    if (u.whiteouts.hasAufsWhiteout(lower, fd, name)) return false
  }
  return false
}
