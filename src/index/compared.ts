/**
 * Directories whose parts were held against their stamps in this mount. Layers do not change while they are mounted, so once is
 * enough; but it holds for those parts only: a directory that was made opaque between two mounts joins fewer layers than the
 * row in its parent still says.
 */

/** Directories remembered. */
const KEPT = 50_000

export class Compared {
  readonly #layers = new Map<string, string>()

  /** The directory at `path` was, in exactly these layers, as stamped. */
  add(path: string, layers: readonly number[]): void {
    if (this.#layers.size >= KEPT) this.#layers.clear()
    this.#layers.set(path, keyOf(layers))
  }

  has(path: string, layers: readonly number[]): boolean {
    const known = this.#layers.get(path)
    return known !== undefined && known === keyOf(layers)
  }

  delete(path: string): void {
    this.#layers.delete(path)
  }

  clear(): void {
    this.#layers.clear()
  }
}

function keyOf(layers: readonly number[]): string {
  return String.fromCharCode(...layers)
}
