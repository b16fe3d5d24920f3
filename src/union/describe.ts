/**
 * What people ask of a mount: which layer a path comes from, and what the union is made of.
 */
import { Errno } from '../base/errno.js'
import type { RealDir } from '../layers/real-dir.js'
import { native } from '../syscalls/native.js'
import { layerOf } from './attributes.js'
import { childOf, forgetUnused } from './lookup.js'
import type { Node } from './node.js'
import { topDir, type Union } from './union.js'

/** Where one path of the merged tree comes from. */
export interface Ownership {
  readonly path: string
  readonly layer: 'upper' | 'lower'
  /** -1 for the upper, else the position among the lowers, top first. */
  readonly index: number
  readonly root: string
  readonly realpath: string
  readonly type: number
  /** The layers a merged directory joins, top first; for other files the other layers that have the name. */
  readonly also: readonly { readonly index: number; readonly root: string; readonly why: string }[]
}

/** Finds the owner of `path`, relative to the mount's root; or -errno. */
export function ownerOf(u: Union, path: string): Ownership | number {
  u.cache.beginOperation()
  let node: Node = u.root
  let parent: Node | null = null
  let name = ''
  for (name of path.split('/').filter((part) => part !== '' && part !== '.')) {
    if (node.dir === null) return -Errno.ENOTDIR
    const child = childOf(u, node, name)
    if (typeof child === 'number') return child === 0 ? -Errno.ENOENT : child
    parent = node
    node = child
  }
  const answer = describeNode(u, path, node, parent, name)
  forgetUnused(u, node)
  return answer
}

function describeNode(u: Union, path: string, node: Node, parent: Node | null, name: string): Ownership | number {
  const layer = layerOf(node)
  if (layer === null) return -Errno.ENOENT
  const inside =
    node.dir !== null ? topDir(node).path() : [node.at!.path(), node.atName].filter((s) => s !== '').join('/')
  return {
    path,
    layer: layer.isUpper ? 'upper' : 'lower',
    index: layer.index,
    root: layer.path,
    realpath: inside === '' ? layer.path : `${layer.path}/${inside}`,
    type: node.type,
    also: node.dir !== null ? merged(node) : parent === null ? [] : shadowed(u, parent, name, layer.index),
  }
}

function merged(node: Node): Ownership['also'] {
  const parts: RealDir[] = node.dir!.upper === null ? [...node.dir!.lowers] : [node.dir!.upper, ...node.dir!.lowers]
  return parts.slice(1).map((part) => ({ index: part.layer.index, root: part.layer.path, why: 'merged' }))
}

function shadowed(u: Union, parent: Node, name: string, above: number): Ownership['also'] {
  const found: { index: number; root: string; why: string }[] = []
  for (const lower of parent.dir!.lowers) {
    if (lower.layer.index <= above) continue
    const fd = u.cache.fd(lower)
    if (fd < 0 || native.statat(fd, name) < 0) continue
    const why = u.whiteouts.isWhiteout(lower, fd, name) ? 'whiteout' : 'hidden by a layer above'
    found.push({ index: lower.layer.index, root: lower.layer.path, why })
  }
  return found
}

function describeData(u: Union): Record<string, unknown> {
  const { passthrough, noOpen, writeback, why } = u.data
  return { mode: passthrough ? 'passthrough' : 'cached', why, writeback, opens: noOpen ? 'not asked for' : 'answered' }
}

/** What this mount is made of and what it does without, for `inspect`. */
export function describeUnion(u: Union): Record<string, unknown> {
  return {
    marks: u.marks.prefix,
    whiteouts: u.whiteouts.writeAufs ? '.wh.NAME' : 'device 0:0',
    redirectDir: u.redirects ? 'on' : u.config.redirectDir === 'nofollow' ? 'nofollow' : 'follow',
    metacopy: u.config.metacopy,
    index: u.writable !== null && u.writable.work.index !== null,
    privateLayers: u.lowers.every((layer) => layer.isPrivate),
    data: describeData(u),
    readonly: u.writable === null,
    ownerIndex: u.lowerIndex === null ? null : { ...u.lowerIndex.counters },
    downgrades: u.downgrades,
  }
}
