/**
 * What the copy-up prefetch knows of a mount: the copies that are being made or wait to be taken. Held by the union's
 * context.
 */
import type { Node } from '../nodes/node.js'

/** A file that is being made, or has been: its number in the addon, and the origin that it is marked with. */
interface Made {
  readonly id: number
  readonly size: number
  readonly origin: Uint8Array
}

export class PrefetchedCopies {
  /** By node, oldest first. */
  readonly prefetched = new Map<Node, Made>()
  /** Of all these. */
  bytes = 0
  /** The last file copied up for its attributes: its directory, and where it stands there. */
  parent: Node | null = null
  cookie = 0
  /** How many came in order. */
  run = 0
  /** How many more may come before the next are looked for. */
  left = 0
}
