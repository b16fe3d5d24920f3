/** Where a node stands in the merged tree, for a person. Latin1. */
import type { Node } from './node.js'

/** `/` where it has no name. */
export function pathOfNode(node: Node): string {
  const names: string[] = []
  for (let at: Node | null = node; at?.parent; at = at.parent) names.push(at.name)
  return `/${names.reverse().join('/')}`
}

/** The same of a file, which may have none. */
export function pathOfFile(node: Node): string {
  return node.parent === null ? '(a file without a name)' : pathOfNode(node)
}
