/**
 * What is in memory follows other lower layers: each directory that the kernel knows joins what the new stack has under
 * its name, and keeps its nodeid. A name that means another file now loses its node, which lives on for those who have
 * it open, as after an unlink.
 */

import { UNTRIED } from '../../owner-index/engine/view-slot.js'
import { search } from '../context/search.js'
import type { Union } from '../context/union.js'
import { forgetUnused } from '../data/forget.js'
import { placeFile } from '../lookup/lookup.js'
import { inodeKey } from '../nodes/inode-numbers.js'
import { dropName, type Node } from '../nodes/node.js'
import { forgetAhead } from '../read-ahead/walk.js'

/** What became of the nodes. */
interface Rejoined {
  /** Nodeids of the directories that stay: the kernel may know attributes and lists of them that are no longer true. */
  readonly directories: number[]
  /** Nodes without a name from now on. */
  readonly left: Node[]
  /** Nodes that have lost one of their names. */
  readonly renamed: Node[]
}

/** Goes through all that is in memory, after `u.root` has its new parts. */
export function rejoin(u: Union): Rejoined {
  const rejoined: Rejoined = { directories: [], left: [], renamed: [] }
  const waiting = [u.root]
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    rejoined.directories.push(node.id)
    forgetParts(u, node)
    for (const [name, child] of node.dir!.children.entries())
      if (!stays(u, node, name, child)) leave(u, node, name, child, rejoined)
      else if (child.dir !== null) waiting.push(child)
  }
  for (const node of rejoined.left) if (node.nlookup === 0 && node.opens === 0) forgetUnused(u, node)
  return rejoined
}

function forgetParts(u: Union, node: Node): void {
  const dir = node.dir!
  dir.listing = null
  dir.ownerView = UNTRIED
  dir.searches = 0
  u.listings.delete(node)
  forgetAhead(u, node)
}

/** Whether the name still means this node, which has its new place then. */
function stays(u: Union, parent: Node, name: string, child: Node): boolean {
  u.cache.beginOperation()
  const found = search(u, parent.dir!, name, 0)
  if (found.error !== 0 || found.type !== child.type) return false
  if (child.dir !== null) {
    // What it has in the upper is what it was, and files in it hold that very object, which a rename changes.
    child.dir.upper ??= found.upper
    child.dir.lowers = found.lowers
    return true
  }
  const at = found.inodeDir!
  if (child.inUpper && !at.layer.isUpper) return isLinked(u, child)
  if (child.inUpper !== at.layer.isUpper) return false
  if (!child.inUpper && !isSamePlace(child, at.layer, at.path(), found.inodeName)) return isLinked(u, child)
  if (!child.inUpper) placeFile(child, at, found.inodeName)
  child.contentDir = found.contentDir
  if (found.contentDir !== null) child.contentName = found.contentName
  return true
}

function isSamePlace({ inodeDir, inodeName }: Node, layer: object, path: string, name: string): boolean {
  return inodeDir?.layer === layer && inodeName === name && inodeDir.path() === path
}

/** A hard link of a lower layer, by its inode; `topStat` is that of what was found. */
function isLinked(u: Union, child: Node): boolean {
  return child.keys !== null && u.nodes.byKey(inodeKey(u.topStat)) === child
}

/** `name` does not mean `node` any more, nor anything below it what it meant. */
function leave(u: Union, parent: Node, name: string, node: Node, rejoined: Rejoined): void {
  if (node.dir !== null) {
    for (const [each, child] of node.dir.children.entries()) leave(u, node, each, child, rejoined)
    forgetParts(u, node)
  }
  node.removed = !dropName(node, parent, name)
  rejoined[node.removed ? 'left' : 'renamed'].push(node)
}
