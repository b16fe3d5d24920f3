/**
 * readdir, with attributes where they are asked for: each entry given out with a nodeid has been looked up.
 */
import { DT_DIR } from '../syscalls/constants.js'
import { readAttr } from '../union/context/attributes.js'
import type { Union } from '../union/context/union.js'
import { forgetUnused } from '../union/data/forget.js'
import { addLookup, childOf } from '../union/lookup/lookup.js'
import { listingOf, noteListed } from '../union/lookup/merged-directory.js'
import { END_COOKIE, type Listing } from '../union/nodes/listing.js'
import type { Node } from '../union/nodes/node.js'
import { prefetchEntry, prefetchWalk } from '../union/read-ahead/walk.js'
import type { EntrySink } from './contract.js'
import { directoryOf } from './directory-of.js'

/** Cookies 1 and 2 are `.` and `..`; those of the listing are far above. */
const DOTS = 2

export function readdir(u: Union, nodeid: number, offset: number, plus: boolean, sink: EntrySink): number {
  const node = directoryOf(u, nodeid)
  if (typeof node === 'number') return node
  if (offset < 1 && !sink.add('.', 1, node.ino, DT_DIR, 0)) return 0
  if (offset < 2 && !sink.add('..', 2, (node.parent ?? node).ino, DT_DIR, 0)) return 0
  const wanted = { plus, again: plus && offset === 0 && u.listedLast === nodeid, sink }
  if (plus) u.listedLast = nodeid
  const isRead = node.dir!.listing === null
  const listing = listingOf(u, node)
  if (typeof listing === 'number') return listing
  if (isRead) prefetchWalk(u, node, listing)
  else if (offset === 0) noteListed(u, node.dir!)
  const first = listing.next(Math.max(DOTS, offset))
  listing.unfinished = giveFrom(u, node, listing, first, wanted) >= 0
  if (first >= 0) keepOrder(u, nodeid, listing)
  return 0
}

/** Offers names from `cookie` on; the cookie of the first that the sink has no room for, -1 where all are taken. */
function giveFrom(u: Union, node: Node, listing: Listing, first: number, wanted: Wanted): number {
  for (let cookie = first, next = -1; cookie >= 0; cookie = next) {
    const [name, type] = [listing.name(cookie), listing.type(cookie)]
    u.cache.beginOperation()
    if (wanted.plus && type === DT_DIR) prefetchEntry(u, node, listing, cookie)
    next = listing.next(cookie)
    if (!give(u, node, name, next < 0 ? END_COOKIE : cookie, type, wanted)) return cookie
  }
  return -1
}

/**
 * Whoever reads on may be answered by another process: names that were told must not come again, nor be left out. A
 * reader with a small buffer (musl's has 2 KiB) comes again inside of what it has been told, so whole listings count.
 * One that is as on disk is kept when that changes (`keepTold`).
 */
function keepOrder({ nodes: { ledger } }: Union, nodeid: number, listing: Listing): void {
  if (ledger === null) return
  listing.isTold = true
  if (listing.isAsRead || (listing.isKept && ledger.hasListing(nodeid))) return
  ledger.keepListing(nodeid, listing.order)
  listing.isKept = true
}

interface Wanted {
  readonly plus: boolean
  /**
   * A second listing from offset 0 right after the first, as rm(1) makes: attributes that the kernel already has are
   * skipped.
   */
  readonly again: boolean
  readonly sink: EntrySink
}

/** Offers one entry; false when the sink is full. An entry that cannot be looked up is told without attributes. */
function give(u: Union, parent: Node, name: string, cookie: number, type: number, wanted: Wanted): boolean {
  const { plus, again, sink } = wanted
  const child = childOf(u, parent, name)
  if (typeof child === 'number') return child === 0 ? true : sink.add(name, cookie, cookie, type, 0)
  const listed = child.type >> 12
  const told = !plus || (again && child.nlookup > 0)
  const nodeid = !told && (u.attrFresh || readAttr(u, child) >= 0) ? child.id : 0
  const taken = sink.add(name, cookie, child.ino, listed, nodeid)
  if (taken && nodeid > 0) addLookup(u, child)
  else if (child.nlookup === 0) forgetUnused(u, child)
  return taken
}
