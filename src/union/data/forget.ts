/**
 * The end of a node: freed with its names and descriptors once nobody uses it. An upper file that loses its last name
 * while it is in use is kept reachable by a descriptor of its own.
 */
import { existing } from '../../stack/parts.js'
import { O_NOFOLLOW, O_PATH } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import type { Union } from '../context/union.js'
import { dropName, type Node } from '../nodes/node.js'
import { forgetAhead } from '../read-ahead/walk.js'
import { abandonFilling } from './abandon-filling.js'
import { dropContentFd } from './content-fd.js'

/** Lets go of `node` when neither the kernel nor a child needs it. */
export function forgetUnused(u: Union, node: Node): void {
  let next: Node | null = node
  while (next !== null && next !== u.root && next.nlookup <= 0 && next.opens === 0 && next.ghosts === 0) {
    const current: Node = next
    if (current.filling !== null && !current.removed) return
    if (current.dir !== null && current.dir.children.size > 0) return
    next = current.parent
    free(u, current)
  }
}

function free(u: Union, node: Node): void {
  u.limit?.leaves(node)
  const others = [...(node.others ?? [])]
  if (node.parent !== null) dropName(node, node.parent, node.name)
  for (const alias of others) alias.parent.dir!.children.delete(alias.name)
  u.nodes.delete(node)
  u.passedToWriters.delete(node)
  u.perhapsMapped.delete(node)
  if (node.claims) u.claims.release(node.ino)
  if (node.dir !== null) {
    u.listings.delete(node)
    forgetAhead(u, node)
    if (node.dir.upper !== null) u.cache.release(node.dir.upper)
    for (const lower of existing(node.dir.lowers)) u.cache.release(lower)
  }
  closeDescriptors(u, node)
  for (const alias of others) if (alias.parent.nlookup <= 0) forgetUnused(u, alias.parent)
}

function closeDescriptors(u: Union, node: Node): void {
  abandonFilling(u, node)
  dropContentFd(u, node)
  // Of a file without a name this is the last one.
  if (node.unlinkedFd >= 0) {
    u.limit?.freed(node.unlinkedFd)
    native.closeSoon(node.unlinkedFd)
  }
  node.unlinkedFd = -1
}

/** Before an upper inode loses its last known name: keeps it reachable while it is in use. */
export function pinFile(u: Union, node: Node): number {
  if (node.unlinkedFd >= 0 || node.inodeDir === null) return 0
  const fd = u.cache.fd(node.inodeDir)
  if (fd < 0) return fd
  const pin = native.openat(fd, node.inodeName, O_PATH | O_NOFOLLOW, 0)
  if (pin < 0) return pin
  node.unlinkedFd = pin
  keepUnlinked(u, node, pin)
  return 0
}

/**
 * Parks a file that is about to have no name, where the next process may be asked for it. Where opens are told of, one
 * that is not open is asked for by nobody.
 */
export function keepUnlinked(u: Union, node: Node, fd: number): void {
  if (u.data.noOpen || node.opens > 0 || node.dir !== null) u.nodes.ledger?.park(node, fd)
}
