/** What things take, as far as that can be said before they are there. */
import { S_IFLNK, S_IFREG } from '../../syscalls/constants.js'
import { Stat } from '../../syscalls/stat.js'
import type { Node } from '../nodes/node.js'

/** What a name may take in its directory. */
export const ENTRY_BYTES = 4096
/** Of st_blocks. */
export const SECTOR = 512

/** What the content of `node` takes when it is copied: holes stay holes. */
export function contentBytes(node: Node, stat: Float64Array, size: number | null): number {
  if (node.type === S_IFLNK) return ENTRY_BYTES
  if (node.type !== S_IFREG || size === null) return 0
  const length = size < 0 ? stat[Stat.SIZE]! : Math.min(size, stat[Stat.SIZE]!)
  const rounded = Math.ceil(length / ENTRY_BYTES) * ENTRY_BYTES
  return Math.min(rounded, stat[Stat.BLOCKS]! * SECTOR || rounded)
}
