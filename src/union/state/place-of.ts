/** Where nodes lie that no name leads to. */
import type { Listed } from './listed.js'

/** Where a node without a name lies: its layer's number, the path there. null: only a descriptor leads to it. */
export function placeOf(node: Listed): { readonly layer: number; readonly path: string } | null {
  if (node.unlinkedFd >= 0) return null
  if (node.dir !== null) {
    const top = node.dir.upper ?? node.dir.lowers.at(0)
    return top === undefined || top.layer.isUpper ? null : { layer: top.layer.number, path: top.path() }
  }
  const { inodeDir, inodeName } = node
  if (inodeDir === null) return null
  return { layer: inodeDir.layer.number, path: joined(inodeDir.path(), inodeName) }
}

export const joined = (path: string, name: string): string => (path === '' ? name : `${path}/${name}`)
