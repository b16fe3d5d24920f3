/**
 * Small lower files are put into the kernel's page cache before anybody reads them.
 *
 * - At the first open the engine sends the content along (FUSE_NOTIFY_STORE). That spares a READ, and the GETATTR that
 *   follows one, because the kernel distrusts the access time after a READ.
 * - While most files that are looked up are then read, a file's content is read ahead from the disk once its lookup is
 *   answered. The disk works while the program wakes up.
 *
 * Only lower files: nobody writes to them, so what was read cannot be older than what is cached.
 */
import { O_RDONLY, S_IFREG } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { SMALL } from '../context/attributes.js'
import { locate, type Union } from '../context/union.js'
import type { Node } from '../nodes/node.js'

/** "All of them", as a whole number: V8 discards compiled code for the union when one of its fields gets a fraction. */
const ALL = 1 << 16
/** How much one file counts in the running mean of how many were read of those looked up, as bits to shift. */
const SHARE = 4
/** From this part on the disk is asked ahead. */
const WORTH = ALL / 4

function isSmallLower(node: Node): boolean {
  return node.type === S_IFREG && !node.isUpper && node.size > 0 && node.size <= SMALL && node.contentDir === null
}

/**
 * Puts `node`'s content there, where it is such a file and that was not done before. What goes wrong shows when it is
 * read.
 */
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

/**
 * `node` has been looked up for the first time: has its content asked for once the answer is out, where that may be
 * worth it.
 */
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
