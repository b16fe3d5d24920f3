/**
 * From a stat record of a layer to the attributes that the merged tree shows: the lasting inode number, the union's
 * link count, owners through the mappings, permissions kept in an xattr. As ovl_getattr() in fs/overlayfs/inode.c.
 */

import { type Override, parseOverride, shownId } from '../../layers/id-mapping.js'
import type { Layer } from '../../layers/layer-dir.js'
import { latin1 } from '../../layers/marks.js'
import { givesPower, overriddenMode, tamed, trusts } from '../../layers/override-trust.js'
import { native } from '../../syscalls/native.js'
import { isBeyondCounting, Stat } from '../../syscalls/stat.js'
import { type Node, smi } from '../nodes/node.js'
import { locate, statNode, topDir, type Union } from './union.js'

/** Files up to this size that are only read stay in the mount's page cache. */
export const SMALL = 65536

/** Fills `u.attr` for `node` from a stat record of its place. */
export function fillAttr(u: Union, node: Node, stat: Float64Array): void {
  const attr = u.attr
  const layer = layerOf(node)
  const mapped = layer?.idmapped ?? false
  // What is written through the backing, by mappings too, changes without a word to the kernel's copy of these.
  attr.lasting = (node.writers === 0 || node.backing === 0) && node.filling === null
  node.size = smi(stat[Stat.SIZE]!)
  attr.ino = node.ino
  attr.mode = stat[Stat.MODE]!
  attr.nlink = shownLinks(u, node, stat)
  attr.uid = shownId(u.uids, stat[Stat.UID]!, mapped)
  attr.gid = shownId(u.gids, stat[Stat.GID]!, mapped)
  attr.rdevMajor = stat[Stat.RDEV_MAJOR]!
  attr.rdevMinor = stat[Stat.RDEV_MINOR]!
  attr.size = stat[Stat.SIZE]!
  attr.sizeLow = isBeyondCounting(stat) ? stat[Stat.SIZE_LOW]! : 0
  attr.blocks = stat[Stat.BLOCKS]!
  attr.blksize = stat[Stat.BLKSIZE]!
  attr.atime = stat[Stat.ATIME]!
  attr.atimeNs = stat[Stat.ATIME_NS]!
  attr.mtime = stat[Stat.MTIME]!
  attr.mtimeNs = stat[Stat.MTIME_NS]!
  attr.ctime = stat[Stat.CTIME]!
  attr.ctimeNs = stat[Stat.CTIME_NS]!
  attr.btime = stat[Stat.BTIME]!
  attr.btimeNs = stat[Stat.BTIME_NS]!
  if (node.contentDir !== null) fillBlocks(u, node)
  const override = layer?.override ?? null
  if (override !== null) applyOverride(u, node, override, stat)
}

/** The layer in which `node`'s inode lies; null for an unnamed upper file. */
export function layerOf(node: Node): Layer | null {
  return node.dir !== null ? topDir(node).layer : (node.inodeDir?.layer ?? null)
}

/** Reads `node`'s attributes into `u.attr`; 0 or -errno. */
export function readAttr(u: Union, node: Node): number {
  const errno = statNode(u, node)
  if (errno < 0) return errno
  fillAttr(u, node, native.stat)
  return 0
}

function shownLinks(u: Union, node: Node, stat: Float64Array): number {
  if (node.removed && !(node.inUpper && node.dir === null)) return 0
  if (u.config.staticNlink) return 1
  if (node.dir !== null) return node.dir.isMerge ? 1 : stat[Stat.NLINK]!
  return node.links?.nlink ?? stat[Stat.NLINK]!
}

/** A metacopy occupies what its content occupies. */
function fillBlocks(u: Union, node: Node): void {
  const fd = u.cache.fd(node.contentDir!)
  if (fd >= 0 && native.statat(fd, node.contentName) >= 0) u.attr.blocks = native.stat[Stat.BLOCKS]!
}

function applyOverride(u: Union, node: Node, attribute: string, stat: Float64Array): void {
  const said = trusts(attribute, stat) ? readOverride(u, node, attribute) : null
  if (said === null) return
  const override = node.dir === null ? tamed(said, givesPower(u.config.nosuid ?? false)) : said
  const attr = u.attr
  attr.uid = shownId(u.uids, override.uid)
  attr.gid = shownId(u.gids, override.gid)
  attr.mode = overriddenMode(attr.mode, override)
}

/** The owner and mode that `attribute` says for `node`, or null. */
export function readOverride(u: Union, node: Node, attribute: string): Override | null {
  const fd = locate(u, node)
  if (fd < 0) return null
  const value = native.getxattr(fd, u.locatedName, attribute)
  return typeof value === 'number' ? null : parseOverride(latin1(value))
}
