/**
 * Telling the index that the upper has changed under a name. Called where memory follows an act on disk; costs nothing
 * where there is no index.
 */
import type { Node } from '../nodes/node.js'
import type { Union } from './union.js'

/** `name` in `parent` has come, gone or changed; `deep`: a whole tree with it. */
export function notifyIndex(u: Union, parent: Node, name: string, deep = false): void {
  const index = u.lowerIndex
  if (index === null) return
  let path = deep ? `${name}/` : name
  for (let node: Node | null = parent; node !== null && node !== u.root; node = node.parent)
    path = `${node.name}/${path}`
  index.touched(path)
}

/** The inode of `node` has changed: every name that is known of it. */
export function notifyIndexOfNode(u: Union, node: Node): void {
  if (u.lowerIndex === null) return
  if (node.parent !== null) notifyIndex(u, node.parent, node.name)
  for (const alias of node.others ?? []) notifyIndex(u, alias.parent, alias.name)
}
