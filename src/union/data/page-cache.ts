/**
 * Small files of lower layers, ahead of who reads them. They come into the kernel's page cache with their first open, before it
 * is answered: whoever opens one reads it, as a rule, and would ask for its pages next, and then for its attributes, since the
 * kernel no longer believes the time of access after a read that it had to ask for; two requests a file, for one message that
 * nobody waits for. And while most of those that are looked up are then read, the disk is asked for a file's content as soon as its
 * name has been looked up and answered, so that it works while the program gets going again.
 *
 * Only what lies in a lower layer: nobody writes to it, so that what was read cannot be older than what is cached.
 */
import { O_RDONLY, S_IFREG } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { SMALL } from '../context/attributes.js'
import { locate, type Union } from '../context/union.js'
import type { Node } from '../nodes/node.js'

/**
 * All files that are looked up are read; in whole numbers, because V8 throws away what it has compiled for the union when one of its
 * numbers gets a fraction.
 */
const ALL = 1 << 16
/** How much one file counts in the running mean of how many were read of those looked up, as bits to shift. */
const SHARE = 4
/** From this part on the disk is asked ahead. */
const WORTH = ALL / 4

function isSmallLower(node: Node): boolean {
  return node.type === S_IFREG && !node.isUpper && node.size > 0 && node.size <= SMALL && node.contentDir === null
}

/** Puts `node`'s content there, where it is such a file and that was not done before. What goes wrong shows when it is read. */
export function preloadSmallFile(u: Union, node: Node): void {
  if (node.pageCached || node.opens > 0 || !isSmallLower(node)) return
  node.pageCached = true
  countRead(u)
  const dir = locate(u, node)
  const fd = dir < 0 ? dir : native.openFile(dir, u.locatedName, O_RDONLY)
  if (fd < 0) return
  u.binding.storeContent(node.id, fd, node.size)
  native.close(fd)
}

/** `node` has been looked up for the first time: has its content asked for once the answer is out, where that may be worth it. */
export function predictRead(u: Union, node: Node): void {
  if (!isSmallLower(node)) return
  u.readers -= u.readers >> SHARE
  if (u.readers < WORTH) return
  const dir = locate(u, node)
  if (dir >= 0) u.binding.readAhead(dir, u.locatedName)
}

/** One of those that were looked up is read. */
export function countRead(u: Union): void {
  u.readers = Math.min(ALL, u.readers + (ALL >> SHARE))
}
