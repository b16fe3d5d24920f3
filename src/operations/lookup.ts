/**
 * lookup and forget: what the kernel knows.
 */

import { Errno } from '../base/errno.js'
import { readAttr } from '../union/context/attributes.js'
import type { Union } from '../union/context/union.js'
import { forgetGhost } from '../union/data/backing.js'
import { forgetUnused } from '../union/data/forget.js'
import { predictRead } from '../union/data/page-cache.js'
import { addLookup, childOf } from '../union/lookup/lookup.js'
import { prefetchSiblings } from '../union/read-ahead/sibling-prefetch.js'
import { directoryOf } from './directory-of.js'

export function lookup(u: Union, parentId: number, name: string): number {
  const parent = directoryOf(u, parentId)
  if (typeof parent === 'number') return parent
  if (name.length > 255) return -Errno.ENAMETOOLONG
  if (name === '.' || name === '..') return -Errno.ENOENT
  const node = childOf(u, parent, name)
  if (typeof node === 'number') return node
  if (u.attrFresh) {
    if (node.dir !== null) prefetchSiblings(u, parent, name)
    predictRead(u, node)
  } else {
    const errno = readAttr(u, node)
    if (errno < 0) return errno
  }
  return addLookup(u, node)
}

export function forget(u: Union, nodeid: number, count: number): void {
  forgetOne(u, nodeid, count)
  u.nodes.ledger?.journal.forgot()
}

function forgetOne(u: Union, nodeid: number, count: number): void {
  const ghost = u.nodes.ghost(nodeid)
  if (ghost !== undefined) return forgetGhost(u, ghost, count)
  const node = u.nodes.get(nodeid)
  if (node === undefined || node === u.root) return
  u.cache.beginOperation()
  node.nlookup = Math.max(0, node.nlookup - count)
  u.nodes.ledger?.forgotten(node)
  if (node.nlookup === 0) forgetUnused(u, node)
}
