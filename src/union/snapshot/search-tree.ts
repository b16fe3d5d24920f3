/** Going through the merged tree for names that nobody has asked for yet, until all that are missing are known. */
import type { Union } from '../context/union.js'
import { forgetUnused } from '../data/forget.js'
import { childOf } from '../lookup/lookup.js'
import { listingOf } from '../lookup/merged-directory.js'
import type { Node } from '../nodes/node.js'

/** What is done with a name that is no directory's: 0 or more, or -errno, which ends the search. */
type Visit = (child: Node, parent: Node, name: string) => number

/** Visits names until `isDone`, which is asked after each directory with hard links in it; 0 or -errno. */
export function searchTree(u: Union, isDone: () => boolean, visit: Visit): number {
  if (isDone()) return 0
  const waiting: Node[] = [u.root]
  let errno = 0
  for (let node = waiting.pop(); node !== undefined && errno >= 0; node = waiting.pop()) {
    // So that it does not go with the last of its files.
    node.nlookup++
    errno = visitNames(u, node, waiting, visit)
    node.nlookup--
    forgetUnused(u, node)
    if (errno > 0 && isDone()) break
  }
  for (const node of waiting) forgetUnused(u, node)
  return Math.min(errno, 0)
}

/** 1 where there was a file with several names, 0, or -errno. Directories wait. */
function visitNames(u: Union, node: Node, waiting: Node[], visit: Visit): number {
  const listing = listingOf(u, node)
  if (typeof listing === 'number') return listing
  let found = 0
  for (const name of listing.names()) {
    u.cache.beginOperation()
    const child = childOf(u, node, name)
    if (typeof child === 'number') continue
    if (child.dir !== null) {
      waiting.push(child)
      continue
    }
    const errno = visit(child, node, name)
    if (errno < 0) return errno
    if (child.keys !== null) found = 1
    if (child.nlookup === 0) forgetUnused(u, child)
  }
  return found
}
