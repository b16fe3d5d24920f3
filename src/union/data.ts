/**
 * The descriptor behind a node's content. There is one per node, not one per open: the kernel keeps one page cache per
 * node, so a page read through an older open must come from the same file as one read through a newer. When a file is
 * copied up while it is open, the descriptor changes under every open at once. The transport is told which descriptor
 * serves which node, and answers READ and WRITE from it without asking again.
 */
import { Errno } from '../base/errno.js'
import { O_APPEND, O_NOFOLLOW, O_RDONLY, O_RDWR, O_WRONLY } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import type { Node } from './node.js'
import { placeOf, type Union } from './union.js'

/**
 * A descriptor for `node`'s content, for writing too where `write` (the node is an upper one then); or -errno. `append`:
 * whoever opens it appends, which is all that an append-only file lets anybody do.
 */
export function dataOf(u: Union, node: Node, write: boolean, append = false): number {
  if (node.dataFd >= 0 && (node.dataWritable || !write)) return node.dataFd
  const fd = openContent(u, node, write, append)
  if (fd >= 0) keepData(u, node, fd, write)
  return fd
}

/** Makes `fd` the node's descriptor in place of the one it had. */
export function keepData(u: Union, node: Node, fd: number, writable: boolean): void {
  const old = node.dataFd
  node.dataFd = fd
  node.dataWritable = writable
  u.binding.bind(node.id, fd, writable)
  if (old >= 0) native.close(old)
}

function openContent(u: Union, node: Node, write: boolean, append = false): number {
  if (node.data !== null && !write) {
    const dir = u.cache.fd(node.data)
    return dir < 0 ? dir : native.openat(dir, node.dataName, O_RDONLY | O_NOFOLLOW, 0)
  }
  const fd = placeOf(u, node)
  if (fd < 0) return fd
  const name = u.placeName
  if (!write) return native.openat(fd, name, name === '' ? O_RDONLY : O_RDONLY | O_NOFOLLOW, 0)
  const flags = name === '' ? 0 : O_NOFOLLOW
  const both = native.openat(fd, name, O_RDWR | flags, 0)
  if (both === -Errno.EPERM && append) return native.openat(fd, name, O_RDWR | O_APPEND | flags, 0)
  // An ordinary user's own file may be writable and not readable.
  return both === -Errno.EACCES ? native.openat(fd, name, O_WRONLY | flags, 0) : both
}

/** After a copy-up: open content is served from the upper from now on; that of a metacopy stays where it is. */
export function rebindData(u: Union, node: Node): number {
  if (node.dataFd < 0 || node.data !== null) return 0
  const both = openContent(u, node, true)
  // An ordinary user's own file may be readable and not writable.
  const fd = both === -Errno.EACCES ? openContent(u, node, false) : both
  if (fd < 0) return fd
  keepData(u, node, fd, both >= 0)
  return 0
}

/** The last open is gone. */
export function dropData(u: Union, node: Node): void {
  if (node.dataFd < 0) return
  u.binding.unbind(node.id)
  native.close(node.dataFd)
  node.dataFd = -1
  node.dataWritable = false
}
