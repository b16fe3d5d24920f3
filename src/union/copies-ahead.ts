/**
 * Copy-ups before they are wanted. Whoever changes an attribute of one lower file after the other, in the order in which the directory
 * tells them (chown -R, chmod -R, setfacl -R), has each copied up, and with each waits for the disk. So the next files
 * are made beside the loop meanwhile, as many at once as the disk likes, without a name: nobody sees them, and a crash leaves nothing.
 * When their turn comes they are only given their name. What is made ahead is what the copy-up itself would make: of a lower
 * file, which does not change, with the same marks, and on disk before it has a name.
 */
import { originMark } from '../layers/origin-mark.js'
import { S_IFREG } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import type { Listing } from './listing.js'
import { listingOf } from './merged-directory.js'
import type { Node } from './node.js'
import type { Union } from './union.js'

/** Nothing is made ahead before as many files of a directory were changed in order. */
const PROOF = 4
/** How many of the next are made. */
const NEXT = 24
/** Larger files take long enough by themselves. */
const LARGEST = 1 << 18
/** In all directories that are on the way. */
const MOST = 64

export class CopiesAhead {
  /** By node, oldest first: the number of the file that is made for it. */
  readonly made = new Map<Node, number>()
  /** The last file copied up for its attributes: its directory, and where it stands there. */
  parent: Node | null = null
  cookie = 0
  /** How many came in order. */
  run = 0
}

/** A file that was made for `node`, now the caller's; -1 where there is none. */
export function takeAhead(u: Union, node: Node): number {
  const { made } = u.ahead
  const id = made.get(node)
  if (id === undefined) return -1
  made.delete(node)
  const fd = native.takeAhead(id)
  if (fd < 0) return -1
  u.counters.copyUpsAhead++
  return fd
}

/** `node` was copied up for its attributes: makes ready for who goes on so. */
export function expectNext(u: Union, node: Node): void {
  const { ahead } = u
  if (!isAble(u)) return
  if (node.dir !== null) return expectInside(u, node)
  const { parent } = node
  if (parent === null) return
  const isSame = parent === ahead.parent
  ahead.parent = parent
  // Whoever has its names from the kernel has not asked for them lately.
  const listing = isSame || ahead.run >= PROOF ? listingOf(u, parent) : parent.dir!.listing
  if (listing === null || typeof listing === 'number') return
  const cookie = listing.cookieOf(node.name)
  if (isSame) ahead.run = cookie > ahead.cookie ? ahead.run + 1 : 0
  ahead.cookie = cookie
  if (ahead.run >= PROOF) makeNext(u, parent, listing, cookie)
}

/** Whoever goes through a tree comes to a directory first, then to what is in it. */
function expectInside(u: Union, node: Node): void {
  const listing = u.ahead.run >= PROOF ? listingOf(u, node) : null
  if (listing !== null && typeof listing !== 'number') makeNext(u, node, listing, 0)
}

/** Only what is waited for is worth it: with `volatile`, and on tmpfs, nothing is, and with metacopy no content is copied at all. */
function isAble(u: Union): boolean {
  const { abilities } = u.writable!
  return u.syncs && !u.config.metacopy && abilities.tmpfile && abilities.xattrs
}

function makeNext(u: Union, parent: Node, listing: Listing, after: number): void {
  const { children } = parent.dir!
  let cookie = after
  for (let i = 0; i < NEXT; i++) {
    cookie = listing.next(cookie)
    if (cookie < 0) return
    const node = children.get(listing.name(cookie))
    if (node !== undefined && isWorth(node) && !u.ahead.made.has(node)) makeOne(u, node)
  }
}

function isWorth(node: Node): boolean {
  if (node.type !== S_IFREG || node.isUpper || node.data !== null || node.size > LARGEST || node.at === null)
    return false
  const { layer } = node.at
  return !layer.nosuid && !layer.idmapped
}

function makeOne(u: Union, node: Node): void {
  const { ahead, marks } = u
  const fd = u.cache.fd(node.at!)
  const origin = fd < 0 ? null : originMark(fd, node.atName, node.at!)
  if (origin === null) return
  const { work } = u.writable!
  const id = native.startAhead(fd, node.atName, work.fd, `${marks.prefix}origin`, origin, LARGEST, u.syncs)
  if (id < 0) return
  ahead.made.set(node, id)
  if (ahead.made.size > MOST) dropOldest(ahead)
}

/** Nobody came for it: what was expected does not happen. */
function dropOldest(ahead: CopiesAhead): void {
  const [node, id] = ahead.made.entries().next().value!
  ahead.made.delete(node)
  native.dropAhead(id, false)
  ahead.run = 0
}

/** The mount ends. */
export function dropAhead(u: Union): void {
  for (const id of u.ahead.made.values()) native.dropAhead(id, true)
  u.ahead.made.clear()
}
