/**
 * Passthrough: while a file is open its reads, writes and mappings go to the layer's own file, the *backing*.
 *
 * The kernel's rules: one backing per nodeid while any open lasts, and never beside an open that uses the mount's page
 * cache (the program would get EIO). So a node's first open decides for those that join it. Upper files are passed
 * through, and large lower files. Small lower files, which nobody can write, stay in the page cache, where reading them
 * costs no attributes. A file that was once passed through for writing must not go back to that cache: a shared mapping
 * holds the backing, not the open, and goes on writing after the last release.
 *
 * A lower file is handed over only where its layer is a read-only clone of its mount, so that the kernel itself refuses
 * to open it for writing. When such a file is copied up while it is open, its opens must stay with the lower file, as
 * on kernel overlayfs. The old nodeid then becomes a *ghost*, which keeps them; the node goes on under a new nodeid.
 * Whoever opens the ghost is answered ESTALE, and the kernel looks the name up again.
 */
import { Errno } from '../../base/errno.js'
import type { LayerDir } from '../../layers/layer-dir.js'
import { O_NOFOLLOW, O_PATH, O_RDONLY } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { SMALL } from '../context/attributes.js'
import { locate, type Union } from '../context/union.js'
import type { Node } from '../nodes/node.js'
import type { StaleNodeid } from '../nodes/node-table.js'
import { dropContentFd } from './content-fd.js'
import { forgetUnused } from './forget.js'

/** The backing id with which an open of `node` is to be answered; 0: through the page cache. */
export function backingFor(u: Union, node: Node, write: boolean): number {
  // What is being filled has its content in two places.
  if (!u.data.passthrough || node.filling !== null) return 0
  if (node.opens > 0) return node.backing
  // What the kernel writes by itself nobody could refuse.
  if (u.limit?.isBounded && node.inUpper && node.contentDir === null) return 0
  if (!write && node.size <= SMALL && !(node.inUpper && node.contentDir === null)) return 0
  const id = openBacking(u, node)
  if (id <= 0) return 0
  u.nodes.ledger?.backed(id)
  u.counters.passedThrough++
  node.backing = id
  if (node.inUpper && node.contentDir === null) u.limit?.passed(node)
  return id
}

function openBacking(u: Union, node: Node): number {
  if (node.contentFd >= 0) return isSafe(node) ? u.binding.openBacking(node.contentFd) : 0
  if (!isSafe(node)) return 0
  const dir = node.contentDir === null ? locate(u, node) : u.cache.fd(node.contentDir)
  if (dir < 0) return dir
  const name = node.contentDir === null ? u.locatedName : node.contentName
  if (name === '') return u.binding.openBacking(dir)
  const fd = native.openat(dir, name, O_PATH | O_NOFOLLOW, 0)
  if (fd < 0) return fd
  const id = u.binding.openBacking(fd)
  native.close(fd)
  return id
}

/** The kernel must not be able to write to a lower file. An upper file without a place is reached by its pin. */
function isSafe(node: Node): boolean {
  const layer = (node.contentDir ?? node.inodeDir)?.layer
  return layer === undefined || layer.isUpper || layer.isPrivate
}

/** So many files that may be mapped are remembered before those that nobody can write to any more are found out. */
const MAPPED_MAX = 512

/** `node` was opened to be read and written, and is passed through. */
export function noteMappable(u: Union, node: Node): void {
  u.perhapsMapped.add(node)
  u.nodes.ledger?.mappable(node)
  if (u.perhapsMapped.size > MAPPED_MAX && u.perhapsMapped.size % MAPPED_MAX === 0) forgetUnmapped(u)
}

/** Of the files that may be mapped those stay that somebody can write to. */
export function forgetUnmapped(u: Union): void {
  for (const node of u.perhapsMapped)
    if (node.writers === 0 && (!node.inUpper || !isWritable(u, node))) u.perhapsMapped.delete(node)
}

/** Whether anybody has it open for writing, or mapped so; what cannot be told counts as if. */
function isWritable(u: Union, node: Node): boolean {
  u.cache.beginOperation()
  const dir = locate(u, node)
  const fd = dir < 0 ? dir : native.openFile(dir, u.locatedName, O_RDONLY)
  if (fd < 0) return true
  const answer = native.hasWriters(fd)
  native.close(fd)
  return answer !== 0
}

/** The last open of `node` is gone. */
export function closeBacking(u: Union, node: Node | StaleNodeid): void {
  if (node.backing > 0) u.binding.closeBacking(node.backing)
  node.backing = 0
}

/**
 * The content of `node` has come up from (dir, name), which is passed through to somebody: those stay, `node` goes on
 * anew.
 */
export function splitNodeid(u: Union, node: Node, dir: LayerDir, name: string): void {
  if (node.backing === 0) return
  dropContentFd(u, node)
  const ghost = u.nodes.split(node, dir, name)
  u.counters.ghosts++
  // What the kernel remembers of the old nodeid's attributes is no longer true once the new one is written to.
  u.binding.forgetAttributes(ghost.id)
}

/**
 * `node` has changed, perhaps by an old nodeid: what the kernel remembers under the present one may not be true any
 * more.
 */
export function invalidateIfSplit(u: Union, node: Node): void {
  if (node.ghosts > 0) u.binding.forgetAttributes(node.id)
}

export function forgetGhost(u: Union, ghost: StaleNodeid, count: number): void {
  ghost.nlookup = Math.max(0, ghost.nlookup - count)
  u.nodes.ledger?.ghostChanged(ghost)
  endGhost(u, ghost)
}

export function releaseGhost(u: Union, ghost: StaleNodeid): void {
  ghost.opens = Math.max(0, ghost.opens - 1)
  if (ghost.opens === 0) closeBacking(u, ghost)
  u.nodes.ledger?.ghostChanged(ghost)
  endGhost(u, ghost)
}

function endGhost(u: Union, ghost: StaleNodeid): void {
  if (ghost.nlookup > 0 || ghost.opens > 0) return
  u.nodes.deleteGhost(ghost)
  if (ghost.node.nlookup === 0) forgetUnused(u, ghost.node)
}

/** Runs `act` on the lower file behind `ghost`. */
export function withGhost(u: Union, ghost: StaleNodeid, act: (fd: number) => number): number {
  u.cache.beginOperation()
  const dir = u.cache.fd(ghost.dir)
  const fd = dir < 0 ? dir : native.openFile(dir, ghost.name, O_RDONLY)
  if (fd < 0) return fd
  const result = act(fd)
  native.close(fd)
  return result
}

/** What an open of a ghost is answered: look the name up again. */
export const RETRY_LOOKUP = -Errno.ESTALE
