/**
 * Read-ahead of directories for a walk. A walk over layers that are not in memory waits for the disk at each directory
 * and each inode. So while layers come from a disk, worker threads read directories before the engine asks for them:
 *
 * - all parts of a merged directory at once; with the owner index only the parts that own something;
 * - the next directories of a walk (in random order: sibling-prefetch.ts).
 *
 * Nothing is answered from what they read. The engine looks for itself, and finds it in memory.
 */

import type { LayerDir } from '../../layers/layer-dir.js'
import { type LayerDirs, partsIn } from '../../stack/parts.js'
import { DT_DIR, PATH_MAX } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import type { WalkAhead } from '../context/read-ahead-state.js'
import { viewOf } from '../context/search.js'
import type { Union } from '../context/union.js'
import type { Listing } from '../nodes/listing.js'
import type { Node } from '../nodes/node.js'

/** The layers count as being on disk for this many directories after the last block was read. */
const LASTING = 8
/** From this many parts on, several threads are worth it. */
export const PREFETCHED_PARTS = 4
/** It is a walk after this many listings, each of a directory inside one that was listed before. */
const WALK = 3
/** How many directories are read ahead of a walk, of those inside and of those beside. */
const NEXT = 6
/** Of a directory that is listed the inodes of so many entries are wanted, of one that is searched those of so many. */
const LISTED = 2000
export const SEARCHED = 64

/** Whether layers are being read from a disk. Asked once for each directory that is read. */
function isOnDisk(u: Union): boolean {
  if (!hasRead(u.walk)) u.walk.left--
  return u.walk.left > 0
}

/** The same, asked for each directory that is entered by its name. */
export function isEnteredOnDisk(u: Union): boolean {
  if (!hasRead(u.walk)) u.walk.entering--
  return u.walk.entering > 0
}

/** Whether anything had to be read since this was asked last. */
function hasRead(walk: WalkAhead): boolean {
  const blocks = native.diskBlocksRead(true)
  // What was read before the first of them was the program itself.
  const more = walk.blocks >= 0 && blocks > walk.blocks
  if (more) walk.left = walk.entering = LASTING
  walk.blocks = blocks
  return more
}

/**
 * The parts of a directory are going to be read, one after the other; what is begun comes from the other end. `owners`:
 * the index tells what is there, and files in these parts are going to be looked at. Whether anything is begun.
 */
export function prefetchParts(u: Union, lowers: LayerDirs, uppers: number, owners: LayerDirs | null): boolean {
  if (!isOnDisk(u) || uppers + lowers.length < PREFETCHED_PARTS) return false
  if (owners !== null) for (const part of owners) prefetchDirectory(part, null, LISTED)
  else for (let i = lowers.length - 1; i >= 1 - uppers; i--) prefetchDirectory(lowers.at(i)!, null, LISTED)
  return true
}

/**
 * `name`, null for whatever comes next, is searched in several parts, of which those from `at` on are still to be
 * asked. When anything had to be read from a disk since the last such search, they will have to be, too. Whether
 * anything is begun.
 */
export function prefetchSearch(u: Union, lowers: LayerDirs, at: number, name: string | null): boolean {
  const { walk } = u
  const own = native.diskBlocksRead(false)
  const isReading = walk.own >= 0 && own > walk.own
  walk.own = own
  if (!isReading || (name !== null && (walk.begun.includes(name) || walk.siblings.has(lowers, name)))) return false
  for (let i = lowers.length - 1; i >= at; i--) prefetchDirectory(lowers.at(i)!, name, SEARCHED)
  return true
}

/** `node` has just been read for somebody who lists it. */
export function prefetchWalk(u: Union, node: Node, listing: Listing): void {
  const { walk } = u
  const above = node.parent?.dir?.listing ?? null
  walk.steps = above === null ? 0 : walk.steps + 1
  if (walk.left <= 0 || walk.steps < WALK) return
  warmChildren(node, listing, 0)
  if (walk.parent !== node.parent) walk.cookie = 0
  const from = Math.max(walk.cookie, above!.cookieOf(node.name))
  walk.parent = node.parent
  walk.cookie = warmChildren(node.parent!, above!, from)
}

/** The next directories in `node` after the cookie `from`; the cookie of the last. */
function warmChildren(node: Node, listing: Listing, from: number): number {
  const { lowers } = node.dir!
  if (lowers.length >= PREFETCHED_PARTS) return from
  let last = from
  let some = 0
  for (let cookie = listing.next(from); cookie >= 0 && some < NEXT; cookie = listing.next(cookie)) {
    if (listing.type(cookie) !== DT_DIR) continue
    for (const lower of lowers) prefetchDirectory(lower, listing.name(cookie), LISTED)
    last = cookie
    some++
  }
  return last
}

/**
 * The entry of `node` at `cookie` is going to be looked up in all its parts, or its owners: the directory behind it
 * will be, too.
 */
export function prefetchEntry(u: Union, node: Node, listing: Listing, cookie: number): void {
  const { lowers } = node.dir!
  const { walk } = u
  if (walk.left <= 0 || lowers.length < PREFETCHED_PARTS) return
  let next = listing.next(cookie)
  while (next >= 0 && listing.type(next) !== DT_DIR) next = listing.next(next)
  if (next < 0) return
  const name = listing.name(next)
  walk.begun = [listing.name(cookie), name]
  const owners = viewOf(u, node.dir!)?.ownersIn(name) ?? null
  for (const lower of owners === null ? lowers : partsIn(lowers, owners)) prefetchDirectory(lower, name, LISTED)
}

/**
 * Has `name` in `dir` read, or `dir` itself for null, with up to `entries` inodes of what is in it; false where too
 * much is waiting.
 */
export function prefetchDirectory(dir: LayerDir, name: string | null, entries: number): boolean {
  const path = dir.path()
  const whole = name === null || path === '' ? (name ?? path) : `${path}/${name}`
  // A longer one cannot be said to the kernel at once, and is not worth more.
  return whole.length >= PATH_MAX || native.prefetchDirectory(dir.layer.rootFd, whole, entries) >= 0
}

/** Forgets what was thought of `node`, which is no more. */
export function forgetAhead(u: Union, node: Node): void {
  const { walk } = u
  if (walk.parent === node) walk.parent = null
  if (node.dir !== null) walk.siblings.forget(node.dir.lowers)
}
