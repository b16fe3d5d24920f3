/**
 * Who needs a lower layer that is to be taken out of a mount in use: files of it that are open, and copied-up files of
 * which the content, or other names of a hard link, still lie there. Where opens are not told, what the kernel goes on
 * knowing after it was made to forget counts as open.
 */
import type { Layer } from '../../layers/layer-dir.js'
import type { Union } from '../context/union.js'
import { forgetUnused } from '../data/forget.js'
import { childOf } from '../lookup/lookup.js'
import type { Node } from '../nodes/node.js'
import { pathOfFile } from '../nodes/node-path.js'

/** A path from the mount's root, latin1, and what of it lies in the layer. */
export interface Need {
  readonly path: string
  readonly why: 'open' | 'content' | 'links'
}

/** `upperPaths`: copied-up files whose content may lie below; latin1, from the root, without a `/` in front. */
export function needsOf(u: Union, going: ReadonlySet<Layer>, upperPaths: readonly string[]): Need[] {
  const needs = [...u.nodes.values()].flatMap((node) => needOf(u, node, going) ?? [])
  for (const { node, dir, opens } of u.nodes.ghosts())
    if (opens > 0 && going.has(dir.layer)) needs.push({ path: pathOfFile(node), why: 'open' })
  for (const path of upperPaths) if (liesBelow(u, path, going)) needs.push({ path: `/${path}`, why: 'content' })
  const seen = new Set<string>()
  return needs.filter(({ path }) => !seen.has(path) && seen.add(path))
}

function needOf(u: Union, node: Node, going: ReadonlySet<Layer>): Need | null {
  if (node.dir !== null) return null
  if (node.contentDir !== null && going.has(node.contentDir.layer)) return { path: pathOfFile(node), why: 'content' }
  if (node.inodeDir === null || !going.has(node.inodeDir.layer)) return null
  const isOpen = u.data.noOpen ? node.nlookup > 0 : node.opens > 0
  return isOpen ? { path: pathOfFile(node), why: 'open' } : null
}

function liesBelow(u: Union, path: string, going: ReadonlySet<Layer>): boolean {
  u.cache.beginOperation()
  let node = u.root
  for (const name of path.split('/')) {
    const child = node.dir === null ? 0 : childOf(u, node, name)
    if (typeof child === 'number') return false
    node = child
  }
  const is = node.contentDir !== null && going.has(node.contentDir.layer)
  forgetUnused(u, node)
  return is
}
