/** The layers of an image as lower directories: each once, since a mount takes no directory twice. */

/**
 * The paths of `layers` (lowest first), the topmost first. An image may have a layer twice; then the upper one counts:
 * whatever the lower one shows, the upper one shows over it.
 */
export function lowersOf(layers: readonly { readonly path: string }[]): string[] {
  return [...new Set(layers.map(({ path }) => path).reverse())]
}
