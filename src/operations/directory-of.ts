/**
 * From the numbers of a request to nodes: what every operation does first.
 */
import { Errno } from '../base/errno.js'
import type { Union } from '../union/context/union.js'
import { childOf } from '../union/lookup/lookup.js'
import type { Node } from '../union/nodes/node.js'

/** The node, or -ESTALE: the kernel names only what it was told and has not forgotten. */
export function nodeOf(u: Union, nodeid: number): Node | number {
  u.cache.beginOperation()
  return u.nodes.get(nodeid) ?? -Errno.ESTALE
}

export function directoryOf(u: Union, nodeid: number): Node | number {
  const node = nodeOf(u, nodeid)
  if (typeof node === 'number') return node
  return node.dir === null ? -Errno.ENOTDIR : node
}

/** The existing child `name`; -ENOENT when absent. */
export function existing(u: Union, parent: Node, name: string): Node | number {
  const node = childOf(u, parent, name)
  return node === 0 ? -Errno.ENOENT : node
}
