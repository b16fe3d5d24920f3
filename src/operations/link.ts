/**
 * link and readlink.
 */

import { Errno } from '../base/errno.js'
import { native } from '../syscalls/native.js'
import { Stat } from '../syscalls/stat.js'
import { readAttr } from '../union/context/attributes.js'
import { notifyIndex } from '../union/context/index-updates.js'
import { checkChange, checkImmutable } from '../union/context/protection.js'
import { locate, type Union } from '../union/context/union.js'
import { copyUp, markImpure } from '../union/copy-up/copy-up.js'
import { invalidateIfSplit } from '../union/data/backing.js'
import { checkName, createUpper } from '../union/entries/create-entry.js'
import { keepMetacopyReachable } from '../union/entries/redirects.js'
import { writeUnionNlink } from '../union/lookup/link-counts.js'
import { addLookup, childOf, placeAgain } from '../union/lookup/lookup.js'
import { keepTold, listingAdd } from '../union/lookup/merged-directory.js'
import { inodeKey } from '../union/nodes/inode-numbers.js'
import { addName, type Node } from '../union/nodes/node.js'
import { directoryOf, nodeOf } from './directory-of.js'

const DAEMON = { uid: 0, gid: 0, umask: 0 }

export function link(u: Union, nodeid: number, newParentId: number, newName: string): number {
  const node = nodeOf(u, nodeid)
  if (typeof node === 'number') return node
  const parent = directoryOf(u, newParentId)
  if (typeof parent === 'number') return parent
  if (node.dir !== null) return -Errno.EPERM
  const refused = checkName(newName)
  if (refused < 0) return refused
  const present = childOf(u, parent, newName)
  if (present !== 0) return typeof present === 'number' ? present : -Errno.EEXIST
  const kept = checkImmutable(parent) < 0 ? -Errno.EPERM : checkChange(node)
  if (kept < 0) return kept
  keepTold(u, parent)
  u.nodes.ledger?.journal.intendMake(parent.id, newName, node.id)
  const errno = makeLink(u, node, parent, newName)
  if (errno < 0) return errno
  publish(u, node, parent, newName)
  const read = readAttr(u, node)
  return read < 0 ? read : addLookup(u, node)
}

function makeLink(u: Union, node: Node, parent: Node, newName: string): number {
  let errno = copyUp(u, node, -1, true)
  if (errno >= 0) errno = copyUp(u, parent)
  if (errno >= 0 && node.hasOrigin) markImpure(u, parent)
  if (errno >= 0) errno = keepMetacopyReachable(u, node)
  if (errno >= 0) errno = writeUnionNlink(u, node)
  if (errno < 0) return errno
  const identity = { ...DAEMON, uid: u.ownUid, gid: u.ownGid }
  return createUpper(u, identity, parent, newName, false, (fd, name) => {
    const from = locate(u, node)
    return from < 0 ? from : native.linkat(from, u.locatedName, fd, name)
  })
}

/** One more name: the union's count of a group rises with the upper's own, so its mark stays true. */
function publish(u: Union, node: Node, parent: Node, name: string): void {
  const upper = parent.dir!.upper!
  if (node.unlinkedFd >= 0 || node.inodeDir === null) placeAgain(u, node, upper, name)
  addName(node, parent, name)
  listingAdd(parent, name, node.type)
  notifyIndex(u, parent, name)
  u.nodes.ledger?.renamed(node)
  if (node.links !== null) node.links.nlink++
  invalidateIfSplit(u, node)
  const fd = u.cache.fd(upper)
  if (fd >= 0 && native.statat(fd, name) >= 0 && native.stat[Stat.NLINK]! > 1)
    u.nodes.addKey(node, inodeKey(native.stat))
}

export function readlink(u: Union, nodeid: number): string | number {
  const node = nodeOf(u, nodeid)
  if (typeof node === 'number') return node
  const fd = locate(u, node)
  return fd < 0 ? fd : native.readlinkat(fd, u.locatedName)
}
