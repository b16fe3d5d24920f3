/**
 * The descriptor behind a node's content. There is one per node, not one per open, because the kernel keeps one page
 * cache per node. A page read through an older open must come from the same file as one read through a newer. When a
 * file is copied up while it is open, the descriptor changes under every open at once. The transport is told which
 * descriptor serves which node, and answers READ and WRITE from it without asking again.
 *
 * Descriptors are scarce, and opens are not counted: a kernel that asks for no open tells of no close either. So only
 * recently used ones are kept. Any of them may be closed, and is opened anew by the node's place when it is needed. A
 * node without a name is reached through its pin.
 */
import { Errno } from '../../base/errno.js'
import { FS_APPEND_FL, O_APPEND, O_RDONLY, O_RDWR, O_WRONLY, S_ISGID, S_PERMISSIONS } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'
import { notifyIndexOfNode } from '../context/index-updates.js'
import { locate, type Union } from '../context/union.js'
import type { Node } from '../nodes/node.js'

const OWNER_MAY_ALL = 0o600
/** Below that a mount would open everything anew. */
const LEAST_FILES = 4

/**
 * A descriptor for `node`'s content, for writing too where `write` (the node is an upper one then); or -errno.
 * `append`: whoever opens it appends, which is all that an append-only file lets anybody do.
 */
export function contentFd(u: Union, node: Node, write: boolean, append = false): number {
  u.files.handOut(node)
  if (node.contentFd >= 0 && (node.dataWritable || !write)) return node.contentFd
  const fd = openContent(u, node, write, append)
  if (fd >= 0) keepContentFd(u, node, fd, write)
  return fd
}

/** Makes `fd` the node's descriptor in place of the one it had. */
export function keepContentFd(u: Union, node: Node, fd: number, writable: boolean): void {
  const old = node.contentFd
  if (old < 0) makeRoom(u, fd)
  node.contentFd = fd
  node.dataWritable = writable
  u.files.nodes.delete(node)
  u.files.nodes.add(node)
  u.binding.bind(node.id, fd, writable && !node.appendOnly)
  if (old >= 0) native.close(old)
}

/**
 * Lets go of one descriptor where there are as many as may be, and of two where `fd`, the new one, says that they are
 * scarce.
 */
function makeRoom(u: Union, fd: number): void {
  const { nodes, capacity, scarceFrom } = u.files
  if (nodes.size >= capacity) return dropOldest(u)
  for (let i = 0; i < 2 && fd >= scarceFrom && nodes.size > LEAST_FILES; i++) dropOldest(u)
}

/** The one kept longest that nothing was done with lately. */
function dropOldest(u: Union): void {
  const { nodes } = u.files
  let patience = 64
  for (const node of nodes) {
    if (patience-- > 0 && (u.files.isInUse(node) || u.binding.used(node.id))) {
      // Goes to the end of the order, and is met again there.
      nodes.delete(node)
      nodes.add(node)
      continue
    }
    if (!u.files.isInUse(node)) return dropContentFd(u, node)
  }
}

/** Half of the descriptors of contents and of directories go, for good; false where none could. */
export function shrinkKept(u: Union): boolean {
  const files = shrinkFiles(u)
  return u.cache.shrink() || files
}

function shrinkFiles(u: Union): boolean {
  const { files } = u
  const before = files.nodes.size
  files.capacity = Math.max(LEAST_FILES, before >> 1)
  for (const node of files.nodes) {
    if (files.nodes.size < files.capacity) break
    if (!files.isInUse(node)) dropContentFd(u, node)
  }
  return files.nodes.size < before
}

function openContent(u: Union, node: Node, write: boolean, append: boolean): number {
  if (node.contentDir !== null && !write) {
    const dir = u.cache.fd(node.contentDir)
    return dir < 0 ? dir : native.openFile(dir, node.contentName, O_RDONLY)
  }
  const fd = locate(u, node)
  if (fd < 0) return fd
  const name = u.locatedName
  return write ? openBoth(u, node, fd, name, append) : openPlace(u, node, fd, name, O_RDONLY)
}

/** For reading too, since a page written in part is read first. */
function openBoth(u: Union, node: Node, fd: number, name: string, append: boolean): number {
  const appends = u.data.noOpen && (node.protection & FS_APPEND_FL) !== 0
  node.appendOnly = appends
  if (appends) return openPlace(u, node, fd, name, O_RDWR | O_APPEND)
  const both = openPlace(u, node, fd, name, O_RDWR)
  if (both === -Errno.EPERM && (append || u.data.noOpen)) {
    // An append-only file, or an immutable one, which refuses this too.
    const appending = native.openFile(fd, name, O_RDWR | O_APPEND)
    node.appendOnly = appending >= 0
    return appending
  }
  return both === -Errno.EACCES ? native.openFile(fd, name, O_WRONLY) : both
}

/**
 * Opens a place, also where the mode forbids it but this process's user owns the file. Whoever reads or writes was let
 * in when the file was opened; the mode may have changed since.
 */
function openPlace(u: Union, node: Node, fd: number, name: string, flags: number): number {
  const opened = native.openFile(fd, name, flags)
  if (opened !== -Errno.EACCES || !node.inUpper || native.statat(fd, name) < 0) return opened
  const mode = native.stat[Stat.MODE]! & S_PERMISSIONS
  // A mode with setgid could not be set again by somebody outside the group.
  if (native.stat[Stat.UID] !== u.ownUid || (mode & S_ISGID) !== 0) return opened
  if (native.chmodat(fd, name, mode | OWNER_MAY_ALL) < 0) return opened
  const forced = native.openFile(fd, name, flags)
  native.chmodat(fd, name, mode)
  return forced
}

/** After a copy-up: open content is served from the upper from now on; that of a metacopy stays where it is. */
export function rebindData(u: Union, node: Node): number {
  if (node.contentFd < 0 || node.contentDir !== null) return 0
  const both = openContent(u, node, true, false)
  // An ordinary user's own file may be readable and not writable.
  const fd = both === -Errno.EACCES ? openContent(u, node, false, false) : both
  if (fd < 0) return fd
  keepContentFd(u, node, fd, both >= 0)
  return 0
}

/** Lets go of the descriptor; the next who needs it opens it anew. */
export function dropContentFd(u: Union, node: Node): void {
  if (node.contentFd < 0 || node.filling !== null) return
  if (node.dataWritable) notifyIndexOfNode(u, node)
  u.files.nodes.delete(node)
  u.binding.unbind(node.id)
  native.close(node.contentFd)
  node.contentFd = -1
  if (node.dataWritable) u.limit?.closed(node)
  node.dataWritable = false
}

/** What was written beside the loop since the last call is told to the index. */
export function noteWritten(u: Union): void {
  if (u.lowerIndex === null) return
  for (const node of u.files.nodes) if (node.dataWritable && u.binding.used(node.id)) notifyIndexOfNode(u, node)
}
