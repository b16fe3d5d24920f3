/**
 * The layers that a directory joins, as the database keeps them: 16 bits per layer, top first, small end first.
 */

export function packLayers(layers: readonly number[]): Buffer {
  const packed = Buffer.allocUnsafe(layers.length * 2)
  for (let i = 0; i < layers.length; i++) packed.writeUInt16LE(layers[i]!, i * 2)
  return packed
}

export function unpackLayers(packed: Uint8Array): number[] {
  const layers: number[] = []
  for (let at = 0; at + 1 < packed.length; at += 2) layers.push(packed[at]! | (packed[at + 1]! << 8))
  return layers
}
