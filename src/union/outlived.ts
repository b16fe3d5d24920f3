/**
 * What a mount has outlived: the union before it went back to a snapshot, and layers that were taken out. Closed when
 * nobody waits for an answer, and layers when nobody has a file of theirs any more.
 */
import type { Union } from './context/union.js'
import type { Retired } from './restack/restack.js'
import { tearDown } from './setup.js'
import { letGo } from './snapshot/restore.js'

export class Outlived {
  #union: Union | null = null
  readonly #layers: Retired[] = []

  /** `u` serves nobody any more. */
  addUnion(u: Union): void {
    this.endUnion()
    this.#union = u
  }

  addLayers(retired: Retired): void {
    this.#layers.push(retired)
  }

  /** With many nodes that takes a while. */
  endUnion(): void {
    const last = this.#union
    this.#union = null
    if (last === null) return
    letGo(last)
    tearDown(last, false)
  }

  /** Closes what is not used by `u`, the union that serves. */
  tend(u: Union): void {
    this.endUnion()
    for (const each of this.#layers.splice(0)) {
      if (each.nodes.some((node) => u.nodes.known(node.id) === node)) this.#layers.push(each)
      else for (const layer of each.layers) layer.close()
    }
  }

  /** The mount ends. */
  end(): void {
    this.endUnion()
    for (const { layers } of this.#layers.splice(0)) for (const layer of layers) layer.close()
  }
}
