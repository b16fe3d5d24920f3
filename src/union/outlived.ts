/**
 * What a mount has outlived: the union before it went back to a snapshot, and layers that were taken out. It goes bit
 * by bit while nobody waits for an answer, and layers when nobody has a file of theirs any more.
 */
import type { Union } from './context/union.js'
import type { Retired } from './restack/restack.js'
import { tearDownInParts } from './setup.js'
import { letGo } from './snapshot/restore.js'
import type { Ledger } from './state/ledger.js'

export class Outlived {
  #ending: Iterator<void> | null = null
  readonly #layers: Retired[] = []

  /** `u` serves nobody any more. */
  addUnion(u: Union, ledger: Ledger | null): void {
    this.#endUnion()
    this.#ending = endInParts(u, ledger)
  }

  addLayers(retired: Retired): void {
    this.#layers.push(retired)
  }

  #endUnion(): void {
    while (this.#goOn());
  }

  /** A part of what is left of the last union goes; false: there is none. */
  #goOn(): boolean {
    if (this.#ending?.next().done !== false) this.#ending = null
    return this.#ending !== null
  }

  /** Closes some of what is not used by `u`, the union that serves; true: there is more, so come again soon. */
  tend(u: Union): boolean {
    const more = this.#goOn()
    for (const each of this.#layers.splice(0)) {
      if (each.nodes.some((node) => u.nodes.known(node.id) === node)) this.#layers.push(each)
      else for (const layer of each.layers) layer.close()
    }
    return u.cache.closeSome() || more
  }

  /** The mount ends. */
  end(): void {
    this.#endUnion()
    for (const { layers } of this.#layers.splice(0)) for (const layer of layers) layer.close()
  }
}

function* endInParts(u: Union, ledger: Ledger | null): Generator<void> {
  yield* letGo(u, ledger)
  yield* tearDownInParts(u, 'leaves')
}
