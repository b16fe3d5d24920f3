/**
 * What it takes for an inode to lose a name: it must stay reachable while it is open, and the union's link count of a
 * hard-link group follows. Prepared before the act on disk, published after it.
 */

import { native } from '../../syscalls/native.js'
import { notifyIndex } from '../context/index-updates.js'
import { topDir, type Union } from '../context/union.js'
import { copyUp } from '../copy-up/copy-up.js'
import { invalidateIfSplit } from '../data/backing.js'
import { forgetUnused, keepUnlinked, pinFile } from '../data/forget.js'
import { dropLinkIndexEntry, linkIntoUpper, writeUnionNlink } from '../lookup/link-counts.js'
import { placeFile } from '../lookup/lookup.js'
import { keepTold, listingAdd, listingRemove } from '../lookup/merged-directory.js'
import { dropName, type Node } from '../nodes/node.js'

/**
 * The upper must hold the inode, and hold it under this name: a hard link may have been copied up under another one.
 */
export function copyUpWithName(u: Union, node: Node, parent: Node, name: string): number {
  const errno = copyUp(u, node, -1, true)
  if (errno < 0 || node.dir !== null || node.links === null) return errno
  const upper = u.cache.fd(parent.dir!.upper!)
  if (upper < 0 || native.statat(upper, name) >= 0) return Math.min(upper, 0)
  keepTold(u, parent)
  const linked = linkIntoUpper(u, node, upper, name)
  if (linked >= 0) listingAdd(parent, name, node.type)
  return linked
}

/**
 * Before a hard link of a lower layer loses `name`: where the hard-link index can keep its group together, the upper
 * gets it under that name. One unlink then takes the name and an upper link. So the count of the others is right before
 * and after it, and known to the next mount. As ovl_nlink_start() in fs/overlayfs/util.c.
 */
export function copyUpForUnlink(u: Union, node: Node, parent: Node, name: string): number {
  if (node.dir !== null || node.links === null) return 0
  countKnown(u, node)
  const isKept = u.writable!.work.index !== null && node.inodeDir !== null && node.inodeDir.layer.uuid !== null
  return node.inUpper || isKept ? copyUpWithName(u, node, parent, name) : 0
}

/**
 * A lower layer that gets names while it is mounted makes the count too low: it does not come to nothing while another
 * name is known. As ovl_drop_nlink() in fs/overlayfs/dir.c. The kernel counts on from the number that it was told, so
 * it has to ask again.
 */
function countKnown(u: Union, node: Node): void {
  const isAlone = node.others === null || node.others.length === 0
  if (node.links === null || isAlone || node.links.nlink >= 2) return
  node.links.nlink = 2
  u.binding.forgetAttributes(node.id)
}

/** Before `name` in `parent` goes: a file keeps another place or a descriptor, a directory its descriptor. */
export function prepareUnlink(u: Union, node: Node, parent: Node, name: string): number {
  if (node.dir !== null) {
    for (const part of [node.dir.upper, ...node.dir.lowers]) if (part !== null) u.cache.pin(part)
    if (u.nodes.ledger !== null && node.dir.upper !== null) keepUnlinked(u, node, u.cache.fd(topDir(node)))
    return 0
  }
  if (!node.inUpper) return 0
  const counted = writeUnionNlink(u, node)
  if (counted < 0) return counted
  if (node.links !== null && node.inodeDir === u.writable!.work.index)
    return node.links.nlink > 1 ? 0 : pinFile(u, node)
  if (node.inodeDir !== parent.dir!.upper || node.inodeName !== name) return 0
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
export function publishUnlink(u: Union, node: Node, parent: Node, name: string, inUpper: boolean): void {
  listingRemove(parent, name)
  notifyIndex(u, parent, name)
  const remains = dropName(node, parent, name)
  if (node.links !== null) dropLink(u, node, inUpper)
  invalidateIfSplit(u, node)
  node.removed = node.links !== null ? node.links.nlink <= 0 : !remains
  u.nodes.ledger?.renamed(node)
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
    dropLinkIndexEntry(u, node)
    node.links = null
  } else if (!inUpper) writeUnionNlink(u, node)
}
