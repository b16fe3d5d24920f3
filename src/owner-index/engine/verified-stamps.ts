/**
 * Directories whose parts were held against their stamps in this mount, or read by its writer. Layers do not change
 * while they are mounted, so once is enough; but it holds for those parts only: a directory that was made opaque
 * between two mounts joins fewer layers than the row in its parent still says.
 */
import type { LayerSet } from '../../stack/parts.js'

/** Directories remembered. */
const KEPT = 50_000

export class VerifiedStamps {
  readonly #sets = new Map<string, LayerSet>()

  /** The directory at `path` was, in exactly these layers, as stamped. */
  add(path: string, set: LayerSet): void {
    if (this.#sets.size >= KEPT) this.#sets.clear()
    this.#sets.set(path, set)
  }

  has(path: string, set: LayerSet): boolean {
    return this.#sets.get(path)?.equals(set) ?? false
  }

  delete(path: string): void {
    this.#sets.delete(path)
  }

  clear(): void {
    this.#sets.clear()
  }
}
