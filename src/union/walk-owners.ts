/**
 * A whole tree with the owner of each entry. Each directory is reached from the one above it and kept until its own
 * have been seen. So a deep tree takes no longer than a flat one.
 */
import { Errno } from '../base/errno.js'
import type { Union } from './context/union.js'
import { forgetUnused } from './data/forget.js'
import { childOf } from './lookup/lookup.js'
import { listingOf } from './lookup/merged-directory.js'
import type { Node } from './nodes/node.js'
import { describeEntry, nodeAt, type OwnedEntry } from './which-layer.js'

/** Calls `visit` for every entry below the directory at `path`; -errno where that cannot be read. */
export function walkOwners(u: Union, path: string, visit: (entry: OwnedEntry) => void): number {
  const top = nodeAt(u, path)
  if (typeof top === 'number') return top
  if (top.dir === null) return -Errno.ENOTDIR
  const waiting: Node[] = []
  const errno = visitAll(u, top, waiting, visit)
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) visitAll(u, node, waiting, visit)
  return errno
}

/** The entries of `node`, which is let go of; its directories wait. */
function visitAll(u: Union, node: Node, waiting: Node[], visit: (entry: OwnedEntry) => void): number {
  // So that it does not go with the last of its files.
  node.nlookup++
  const listing = listingOf(u, node)
  if (typeof listing !== 'number') {
    for (let cookie = listing.next(0); cookie >= 0; cookie = listing.next(cookie)) {
      u.cache.beginOperation()
      const child = childOf(u, node, listing.name(cookie))
      if (typeof child === 'number') continue
      const entry = describeEntry(u, listing.name(cookie), child)
      if (entry !== null) visit(entry)
      if (entry !== null && child.dir !== null) waiting.push(child)
      else if (child.nlookup === 0) forgetUnused(u, child)
    }
  }
  node.nlookup--
  forgetUnused(u, node)
  return typeof listing === 'number' ? listing : 0
}
