/**
 * Whether the parts of a merged directory can have rows at all: they are kept by path, so it must be the same in every layer.
 */
import type { RealDir } from '../layers/real-dir.js'

/** The path that all parts have in their layers; null where they differ. */
export function commonPath(parts: readonly RealDir[]): string | null {
  const path = parts[0]!.path()
  for (let i = 1; i < parts.length; i++) if (!hasPath(parts[i]!, parts[i - 1]!)) return null
  return path
}

/** Whether two directories have the same names on the way, without building either path. */
function hasPath(a: RealDir, b: RealDir): boolean {
  let left: RealDir | null = a
  let right: RealDir | null = b
  while (left !== null && right !== null) {
    if (left.name !== right.name) return false
    left = left.parent
    right = right.parent
  }
  return left === right
}

/** Whether two lists name the same layers in the same order. */
export function sameLayers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((layer, i) => layer === b[i])
}
