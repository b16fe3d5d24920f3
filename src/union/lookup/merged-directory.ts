/**
 * The names of a merged directory: those of all its parts, top first, each once, without what a part above hides. Also
 * whether it is empty. Listings of recently used directories are cached, bounded by the number of names in them.
 */
import type { DirectoryView } from '../../owner-index/engine/directory-view.js'
import { joinPart } from '../../stack/merged-names.js'
import { type LayerDirs, partsIn } from '../../stack/parts.js'
import { MANY_PARTS } from '../../stack/search.js'
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'
import { viewOf } from '../context/search.js'
import type { Union } from '../context/union.js'
import { Listing } from '../nodes/listing.js'
import type { DirState, Node } from '../nodes/node.js'
import { prefetchParts } from '../read-ahead/walk.js'

const KEPT_LISTINGS = 128
const KEPT_NAMES = 500_000

/** The listing of `node`, from memory or from its parts; or -errno. */
export function listingOf(u: Union, node: Node): Listing | number {
  const dir = node.dir!
  if (dir.listing !== null) {
    u.listings.delete(node)
    u.listings.add(node)
    return dir.listing
  }
  const read = node.removed ? new Listing() : readParts(u, dir)
  if (typeof read === 'number') return read
  const told = u.nodes.ledger?.listingOf(node.id) ?? null
  const listing = told === null ? read : read.inOrder(told)
  dir.listing = listing
  u.listings.add(node)
  dropOldListings(u, node)
  return listing
}

/** A name that no part of a directory shows. */
export const ABSENT = -1
/** At this search in a directory of many parts its names are read, so that this and later searches take one step. */
const SEARCHES = 4
/** After that, wait 64 more searches before reading it again. */
const AGAIN = 64
/** Skip directories whose parts' st_size add up to more than 1 MiB. */
const READABLE = 1 << 20

/** The part of `node` to begin a search for `name` with, by a listing that pays to be read; ABSENT, or 0: anywhere. */
export function listedAt(u: Union, node: Node, name: string): number {
  const dir = node.dir!
  if (dir.lowers.length < MANY_PARTS || ++dir.searches < SEARCHES) return 0
  dir.searches = SEARCHES - AGAIN
  if (viewOf(u, dir) !== null || !isReadable(u, dir)) return 0
  const listing = listingOf(u, node)
  return typeof listing === 'number' ? 0 : listing.partOf(name)
}

/** Whether its parts say to be small enough to be read although nobody has asked for their names. */
export function isReadable(u: Union, dir: DirState): boolean {
  let size = 0
  for (const part of dir.upper === null ? dir.lowers : [dir.upper, ...dir.lowers]) {
    const fd = u.cache.fd(part)
    if (fd < 0 || native.statat(fd, '') < 0) return false
    size += native.stat[Stat.SIZE]!
  }
  return size <= READABLE
}

/** Too many: those that nobody is reading go first, the others only where memory asks for it. */
function dropOldListings(u: Union, newest: Node): void {
  let names = 0
  for (const node of u.listings) names += node.dir!.listing?.length ?? 0
  for (const unfinished of [false, true]) {
    for (const node of u.listings) {
      const few = u.listings.size <= KEPT_LISTINGS || unfinished
      if (few && names <= KEPT_NAMES) return
      if (node === newest || (node.dir!.listing?.unfinished ?? false) !== unfinished) continue
      names -= node.dir!.listing?.length ?? 0
      node.dir!.listing = null
      u.listings.delete(node)
      u.nodes.ledger?.dropListing(node.id)
    }
  }
}

/** Joins the parts of a directory; or -errno. */
function readParts(u: Union, dir: DirState): Listing | number {
  const listing = new Listing()
  const uppers = dir.upper === null ? 0 : 1
  const count = uppers + dir.lowers.length
  const hidden = new Set<string>()
  // After a death the order must be that of the process before, which may have known the index less well.
  const view = u.config.resumed === true ? null : viewOf(u, dir)
  listing.isAsRead = view === null
  // What is believed without a look is not read at all.
  if (view !== null && u.lowerIndex!.immutable) u.walk.left = 0
  else if (prefetchParts(u, dir.lowers, uppers, partsAsked(dir, view))) view?.readsAhead()
  for (let part = 0; part < count; part++) {
    if (part === uppers && view !== null && addLowers(view, listing, hidden, part)) break
    const real = part < uppers ? dir.upper! : dir.lowers.at(part - uppers)!
    const opaque = joinPart(u, real, part, listing, hidden)
    if (opaque < 0) return opaque
    if (opaque > 0) break
  }
  return listing
}

/** With a view, the lower parts that are going to be looked into, for they own something; null: any may be. */
function partsAsked(dir: DirState, view: DirectoryView | null): LayerDirs | null {
  const owners = view?.owners ?? null
  return owners === null ? null : partsIn(dir.lowers, owners)
}

/** Adds what the index says of all lower parts together; false when it cannot. */
function addLowers(view: DirectoryView, listing: Listing, hidden: ReadonlySet<string>, part: number): boolean {
  return view.list((name, type) => {
    if (!hidden.has(name) && !listing.has(name)) listing.add(name, type >> 12, part)
  })
}

/** Whether the merged directory holds nothing; 1, 0 or -errno. */
export function isEmpty(u: Union, node: Node): number {
  const listing = listingOf(u, node)
  if (typeof listing === 'number') return listing
  return listing.size === 0 ? 1 : 0
}

/** Whether an upper directory, empty as merged, has anything in it on disk: whiteouts. */
export function holdsWhiteouts(u: Union, dir: DirState): boolean {
  if (dir.upper === null) return false
  const fd = u.cache.fd(dir.upper)
  const entries = fd < 0 ? fd : native.readDirectory(fd, '')
  return typeof entries !== 'number' && entries.names.length > 0
}

/**
 * Somebody lists a directory that is in memory: what a read of the upper part does to its atime is done, by reading it.
 * As relatime has it, only where it was changed since.
 */
export function noteListed(u: Union, { upper }: DirState): void {
  const fd = upper === null || u.config.noatime ? -1 : u.cache.fd(upper)
  if (fd < 0 || native.statat(fd, '') < 0) return
  const { stat } = native
  const isOld = (time: number, ns: number) =>
    stat[Stat.ATIME]! < stat[time]! || (stat[Stat.ATIME] === stat[time] && stat[Stat.ATIME_NS]! <= stat[ns]!)
  if (isOld(Stat.MTIME, Stat.MTIME_NS) || isOld(Stat.CTIME, Stat.CTIME_NS)) native.readDirectory(fd, '')
}

/**
 * Before the upper part of `node` changes on disk: read anew, its names may come in another order, so the one that was
 * told is kept now. A directory that is only read costs nothing.
 */
export function keepTold(u: Union, node: Node): void {
  const { ledger } = u.nodes
  const listing = node.dir?.listing ?? null
  if (ledger === null || listing === null || !listing.isAsRead) return
  listing.isAsRead = false
  if (!listing.isTold) return
  ledger.keepListing(node.id, listing.order)
  listing.isKept = true
}

/** A name has come into being: readers that are under way will meet it. */
export function listingAdd(node: Node, name: string, mode: number): void {
  node.dir!.listing?.insert(name, (mode >> 12) & 15)
}

export function listingRemove(node: Node, name: string): void {
  node.dir!.listing?.remove(name)
}
