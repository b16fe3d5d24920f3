/**
 * Copy-up prefetch. chown -R, chmod -R and setfacl -R change lower files in directory order, and each copy-up waits for
 * the disk. So worker threads copy the next files in advance. The copies have no name: nobody sees them, and a crash
 * leaves nothing. The copy-up itself then only links one into place.
 *
 * A prefetched copy is what the copy-up would have made: of a lower file, which does not change, with the same marks,
 * and synced before it has a name.
 */
import { originMark } from '../../layers/origin-mark.js'
import { S_IFREG } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import type { PrefetchedCopies } from '../context/prefetched-copies.js'
import type { Union } from '../context/union.js'
import { isReadable, listingOf } from '../lookup/merged-directory.js'
import type { Listing } from '../nodes/listing.js'
import type { Node } from '../nodes/node.js'

/** Prefetch begins once this many files of a directory were changed in order. */
const PROOF = 4
/** How many of the next files are copied, and about how many bytes may wait to be taken. */
const NEXT = 24
const BYTES = 1 << 24
/** Scan again after every 8th copy-up: a thread that still has work need not be woken. */
const AGAIN = 8
/** At most this many names and parts of directories are looked at to find them. */
const LOOKED_AT = 100
/** Larger files are not prefetched: they take long enough by themselves. */
const LARGEST = 1 << 22
/** Pending copies at most, in all directories together. */
const MOST = 64

/** A file that was made for `node`, now the caller's; -1 where there is none. */
export function takePrefetched(u: Union, node: Node): number {
  const { prefetched: made } = u.ahead
  const one = made.get(node)
  if (one === undefined) {
    if (node.type === S_IFREG) u.ahead.left = 0
    return -1
  }
  made.delete(node)
  u.ahead.bytes -= one.size
  const fd = native.takePrefetchCopy(one.id)
  if (fd < 0) return -1
  u.counters.copyUpsAhead++
  return fd
}

/** The origin of `node`, where a file is being made for it. */
export function originAhead(u: Union, node: Node): Uint8Array | null {
  return u.ahead.prefetched.get(node)?.origin ?? null
}

/** `node` was copied up for its attributes: makes ready for who goes on so. */
export function prefetchNext(u: Union, node: Node): void {
  const { ahead } = u
  if (!isAble(u)) return
  // Some come to a directory first, then to what is in it; most come to it last.
  if (node.dir !== null) return ahead.run >= PROOF ? new TraversalCursor(u).inside(node) : undefined
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
  if (ahead.run < PROOF || --ahead.left > 0) return
  ahead.left = AGAIN
  new TraversalCursor(u).after(node)
}

/**
 * Only what is waited for is worth it: with `volatile`, and on tmpfs, nothing is, and with metacopy no content is
 * copied at all.
 */
function isAble(u: Union): boolean {
  const { capabilities: abilities } = u.writable!
  return u.syncs && !u.config.metacopy && abilities.tmpfile && abilities.xattrs
}

/** The next files on the way of who goes through a tree: what is in a directory comes before what stands behind it. */
class TraversalCursor {
  /** Files and bytes that may still be made, or wait to be taken. */
  #files = NEXT
  #bytes = BYTES
  #names = LOOKED_AT

  constructor(readonly u: Union) {}

  /** Where nothing is known of what a directory holds there is nothing to be made, either. */
  inside(node: Node): void {
    const { children, listing: known, lowers } = node.dir!
    if (children.size === 0 || lowers.length === 0) return
    this.#names -= lowers.length
    if (!this.#isLeft() || (known === null && !isReadable(this.u, node.dir!))) return
    const listing = listingOf(this.u, node)
    if (typeof listing !== 'number') this.#along(node, listing, 0)
  }

  /** Behind `node`, then behind the directories that it lies in. */
  after(node: Node): void {
    for (let at = node; at.parent !== null && this.#isLeft(); at = at.parent) {
      if (at.parent.dir!.listing === null) return
      const listing = listingOf(this.u, at.parent)
      if (typeof listing === 'number') return
      this.#along(at.parent, listing, listing.cookieOf(at.name))
    }
  }

  #isLeft(): boolean {
    return this.#files > 0 && this.#bytes > 0 && this.#names > 0
  }

  #along(parent: Node, listing: Listing, after: number): void {
    const { children } = parent.dir!
    for (let at = listing.next(after); at >= 0 && this.#isLeft(); at = listing.next(at)) {
      this.#names--
      const node = children.get(listing.name(at))
      if (node === undefined) continue
      if (node.dir !== null) this.inside(node)
      else if (isWorth(node)) this.#make(node)
    }
  }

  #make(node: Node): void {
    this.#files--
    this.#bytes -= node.size
    if (!this.u.ahead.prefetched.has(node)) makeOne(this.u, node)
  }
}

function isWorth(node: Node): boolean {
  if (
    node.type !== S_IFREG ||
    node.isUpper ||
    node.contentDir !== null ||
    node.size > LARGEST ||
    node.inodeDir === null
  )
    return false
  const { layer } = node.inodeDir
  return !layer.nosuid && !layer.idmapped
}

function makeOne(u: Union, node: Node): void {
  const { ahead, marks } = u
  const fd = u.cache.fd(node.inodeDir!)
  const origin = fd < 0 ? null : originMark(fd, node.inodeName, node.inodeDir!)
  if (origin === null) return
  const { work } = u.writable!
  const id = native.startPrefetchCopy(fd, node.inodeName, work.fd, `${marks.prefix}origin`, origin, LARGEST, u.syncs)
  if (id < 0) return
  ahead.prefetched.set(node, { id, size: node.size, origin })
  ahead.bytes += node.size
  while (ahead.prefetched.size > MOST || ahead.bytes > BYTES + LARGEST) dropOldest(ahead)
}

/** Nobody came for it: what was expected does not happen. */
function dropOldest(ahead: PrefetchedCopies): void {
  const [node, { id, size }] = ahead.prefetched.entries().next().value!
  ahead.prefetched.delete(node)
  ahead.bytes -= size
  native.dropPrefetchCopy(id, false)
  ahead.run = 0
}

/** The mount ends. */
export function dropAhead(u: Union): void {
  for (const { id } of u.ahead.prefetched.values()) native.dropPrefetchCopy(id, true)
  u.ahead.prefetched.clear()
  u.ahead.bytes = 0
}
