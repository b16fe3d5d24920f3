/**
 * Small files of lower layers come into the kernel's page cache with their first open, before it is answered. Whoever
 * opens one reads it, as a rule, and would ask for its pages next, and then for its attributes, since the kernel no longer
 * believes the time of access after a read that it had to ask for: two requests a file, for one message that nobody waits for.
 *
 * Only what lies in a lower layer is put there: nobody writes to it, so that what was read cannot be older than what is cached.
 */
import { O_NOFOLLOW, O_RDONLY } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { SMALL } from './attributes.js'
import type { Node } from './node.js'
import { placeOf, type Union } from './union.js'

/** Puts `node`'s content there, where it is such a file and that was not done before. What goes wrong shows when it is read. */
export function storeSmall(u: Union, node: Node): void {
  const { size } = node
  if (node.isStored || node.isUpper || size === 0 || size > SMALL || node.data !== null || node.opens > 0) return
  node.isStored = true
  const dir = placeOf(u, node)
  const fd = dir < 0 ? dir : native.openat(dir, u.placeName, O_RDONLY | O_NOFOLLOW, 0)
  if (fd < 0) return
  u.binding.storeContent(node.id, fd, size)
  native.close(fd)
}
