/**
 * What it takes for an inode to lose a name: it must stay reachable while it is open, and the union's link count of a
 * hard-link group follows. Prepared before the act on disk, published after it.
 */
import { dropIndexed, writeLinks } from './link-counts.js'
import { forgetUnused, pinFile, placeFile } from './lookup.js'
import { listingRemove } from './merged-directory.js'
import { dropName, type Node } from './node.js'
import type { Union } from './union.js'

/** Before `name` in `parent` goes: a file keeps another place or a descriptor, a directory its descriptor. */
export function prepareLoss(u: Union, node: Node, parent: Node, name: string): number {
  if (node.dir !== null) {
    for (const part of [node.dir.upper, ...node.dir.lowers]) if (part !== null) u.cache.pin(part)
    return 0
  }
  if (!node.inUpper) return 0
  const counted = writeLinks(u, node)
  if (counted < 0) return counted
  if (node.links !== null && node.at === u.writable!.work.index) return node.links.nlink > 1 ? 0 : pinFile(u, node)
  if (node.at !== parent.dir!.upper || node.atName !== name) return 0
  const other = otherName(node, parent, name)
  if (other === null) return pinFile(u, node)
  placeFile(node, other.parent.dir!.upper!, other.name)
  return 0
}

/** Another known name of `node` that stands in the upper. */
function otherName(node: Node, parent: Node, name: string): { parent: Node; name: string } | null {
  const names = [...(node.others ?? [])]
  if (node.parent !== null) names.push({ parent: node.parent, name: node.name })
  if (node.links !== null) return null
  return names.find((n) => (n.parent !== parent || n.name !== name) && n.parent.dir!.upper !== null) ?? null
}

/** After the act: memory follows. `inUpper`: an upper link went with the name, so the upper's own count fell. */
export function publishLoss(u: Union, node: Node, parent: Node, name: string, inUpper: boolean): void {
  listingRemove(parent, name)
  const remains = dropName(node, parent, name)
  if (node.links !== null) dropLink(u, node, inUpper)
  node.removed = node.links !== null ? node.links.nlink <= 0 : !remains
  if (node.nlookup === 0 && node.opens === 0) forgetUnused(u, node)
}

function dropLink(u: Union, node: Node, inUpper: boolean): void {
  const links = node.links!
  links.nlink = Math.max(0, links.nlink - 1)
  if (!node.inUpper) {
    for (const key of node.keys ?? []) u.hiddenLinks.set(key, (u.hiddenLinks.get(key) ?? 0) + 1)
    return
  }
  if (links.nlink === 0) {
    dropIndexed(u, node)
    node.links = null
  } else if (!inUpper) writeLinks(u, node)
}
