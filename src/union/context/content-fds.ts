/**
 * Which nodes have a content descriptor, and how many may. Held by the union's context; data/content-fd.ts opens and
 * drops them.
 */
import type { Node } from '../nodes/node.js'

/** The nodes that have a descriptor, those kept longest first. */
export class ContentFds {
  readonly nodes = new Set<Node>()

  #last: Node | null = null
  #before: Node | null = null

  /** `scarceFrom`: a descriptor of this number or above says that others need them. */
  constructor(
    public capacity: number,
    readonly scarceFrom: number,
  ) {}

  /**
   * `node`'s descriptor is about to be used: it stays until two others were; an operation needs two at once at most.
   */
  handOut(node: Node): void {
    if (node === this.#last) return
    this.#before = this.#last
    this.#last = node
  }

  isInUse(node: Node): boolean {
    return node === this.#last || node === this.#before
  }
}
