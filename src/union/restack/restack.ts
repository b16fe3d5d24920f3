/**
 * Other lower layers under a mount in use, between two requests: new ones are opened, what is in memory joins them, and
 * those that went are closed when nobody has a file of theirs any more. Until the first change to the union everything
 * may fail, after it nothing.
 */
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import { idmappedAmong } from '../../layers/idmapped.js'
import { openLower } from '../../layers/layer.js'
import type { Layer } from '../../layers/layer-dir.js'
import { originMark } from '../../layers/origin-mark.js'
import { findOverride } from '../../layers/override-trust.js'
import { indexOnOtherLayers } from '../../snapshots/other-layers.js'
import { shownRoots } from '../../stack/search.js'
import { native } from '../../syscalls/native.js'
import type { UnionConfig } from '../context/config.js'
import { leaveIndex } from '../context/leave-index.js'
import type { Union } from '../context/union.js'
import { dropAhead } from '../copy-up/prefetch.js'
import { listingOf } from '../lookup/merged-directory.js'
import type { Node } from '../nodes/node.js'
import { restacked } from '../state/other-tree.js'
import { type Need, needsOf } from './needs.js'
import { rejoin } from './rejoin.js'

export interface RestackOrder {
  /** The mount, as it will be: only `lowers` and `layerNames` are other ones. */
  readonly config: UnionConfig
  /** The lower layers as they are; where they are not, nothing is done. */
  readonly from: readonly string[]
  /** Copied-up files whose content may lie below; latin1, from the mount's root. */
  readonly upperPaths: readonly string[]
  /** Only look who needs the layers that would go. */
  readonly asks: boolean
  /** What the next process makes the mount from; nothing: it has none. */
  readonly text?: string | undefined
}

/** What came of it. */
export interface Restacked {
  /** Who needs a layer that is to go: then nothing has been done. */
  readonly needs: readonly Need[]
  /** The names in the root before, and after where it was done. Latin1. */
  readonly names: readonly string[]
  /** Nodeids of directories of which the kernel may know what is no longer true. */
  readonly directories: readonly number[]
}

/** Layers that went, and nodes that may still be in them. */
export interface Retired {
  readonly layers: readonly Layer[]
  readonly nodes: readonly Node[]
}

/** Puts the union on the lower layers of `order`, or says why not. `retire` is told what has to be closed later. */
export function restack(u: Union, order: RestackOrder, retire: (retired: Retired) => void): Restacked | StratafsError {
  const wanted = order.config.lowers
  if (u.lowers.map(({ path }) => path).join('\0') !== order.from.join('\0'))
    return new StratafsError('the layers have been changed by another meanwhile', 'FAILED', 'try again')
  const going = new Set(u.lowers.filter(({ path }) => !wanted.includes(path)))
  u.nodes.makeWaiting(true)
  const before = namesOf(u)
  const needs = going.size === 0 ? [] : needsOf(u, going, order.upperPaths)
  if (needs.length > 0 || order.asks) return { needs, names: before, directories: [] }
  const lowers = openMissing(u, wanted)
  if (lowers instanceof StratafsError) return lowers
  u.cache.beginOperation()
  exchange(u, lowers, order.config)
  const { directories, left, renamed } = rejoin(u)
  if (u.nodes.ledger !== null) restacked(u.nodes.ledger, left, renamed, order.text ?? null)
  for (const layer of going) u.cache.releaseAll(layer)
  retire({ layers: [...going], nodes: left })
  return { needs, names: [...new Set([...before, ...namesOf(u)])], directories }
}

function namesOf(u: Union): string[] {
  const listing = listingOf(u, u.root)
  return typeof listing === 'number' ? [] : listing.names()
}

/** The layers at `paths`: those that are there already, and new ones; none is left open where one cannot be. */
function openMissing(u: Union, paths: readonly string[]): Layer[] | StratafsError {
  const opened: Layer[] = []
  const layers: Layer[] = []
  const left = [...u.lowers]
  for (const [position, path] of paths.entries()) {
    const at = left.findIndex((layer) => layer.path === path)
    const layer = at >= 0 ? left.splice(at, 1)[0]! : openLower(path, position)
    if (layer instanceof StratafsError) {
      for (const each of opened) each.close()
      return layer
    }
    if (at < 0) opened.push(layer)
    layers.push(layer)
  }
  const mappings = u.uids.ranges.length + u.gids.ranges.length > 0
  const mapped = idmappedAmong(opened.map((layer) => layer.path))
  for (const [at, layer] of opened.entries()) {
    layer.isMapped = mapped[at]!
    layer.idmapped = layer.isMapped && mappings
    layer.override = findOverride(layer.rootFd, u.config.xattrPermissions)
  }
  return layers
}

/** The union's own parts; its root joins what they show. */
function exchange(u: Union, lowers: readonly Layer[], config: UnionConfig): void {
  dropAhead(u)
  native.stopWarming()
  leaveIndex(u)
  for (const [position, layer] of [...lowers, ...u.dataLayers].entries()) {
    layer.position = position
    layer.number = config.layerNumbers?.[position] ?? layer.number
  }
  const upper = u.writable?.layer ?? null
  const isOther = lowers[0] !== u.lowers[0]
  u.lowers = lowers
  const { layerNumbers } = config
  u.config = { ...u.config, lowers: config.lowers, index: indexOnOtherLayers(u.config) }
  if (layerNumbers !== undefined) u.config = { ...u.config, layerNumbers }
  if (config.layerNames !== undefined) u.config = { ...u.config, layerNames: config.layerNames }
  u.inodes.useLayers(upper === null ? lowers : [upper, ...lowers])
  u.root.dir!.lowers = shownRoots(u, upper?.root ?? null)
  if (isOther && upper !== null) pair(u, lowers[0]!)
}

/** The upper belongs to this stack from now on (pairing.ts). */
function pair(u: Union, top: Layer): void {
  const { layer, work, capabilities } = u.writable!
  const origin = capabilities.xattrs && work.index !== null ? originMark(top.rootFd, '', top.root) : null
  if (origin === null || u.marks.set(layer.rootFd, '', 'origin', origin) >= 0) return
  u.log('warn', `upperdir ${shown(layer.path)} cannot be marked as one over ${shown(top.path)}`)
}
