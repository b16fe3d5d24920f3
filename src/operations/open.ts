/**
 * Open files: open and release, read and write where the transport has not served them itself, fsync, fallocate, lseek,
 * copy_file_range. Nothing here needs an OPEN to have come before: a read or write finds its descriptor by node, and
 * copies up where that is still due.
 */

import { Errno } from '../base/errno.js'
import { FallocateMode, OpenedFlag } from '../protocol/flags.js'
import { O_ACCMODE, O_APPEND, O_DIRECTORY, O_RDONLY, O_RDWR, O_TRUNC, S_IFREG } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { Stat } from '../syscalls/stat.js'
import { checkChange, checkImmutable } from '../union/context/protection.js'
import type { Union } from '../union/context/union.js'
import { copyUpForChange } from '../union/copy-up/fill-and-write.js'
import { settleFilling } from '../union/copy-up/filling.js'
import { backingFor, closeBacking, noteMappable, RETRY_LOOKUP, releaseGhost, withGhost } from '../union/data/backing.js'
import { contentFd, dropContentFd } from '../union/data/content-fd.js'
import { forgetUnused } from '../union/data/forget.js'
import { countRead, preloadSmallFile } from '../union/data/page-cache.js'
import type { Node } from '../union/nodes/node.js'
import type { DataPort } from './contract.js'
import { nodeOf } from './directory-of.js'

/** What the kernel hands back at RELEASE: whether that open could write. */
const READER = 0
const WRITER = 1

export function open(u: Union, nodeid: number, flags: number): number {
  if (u.data.noOpen) return -Errno.ENOSYS
  if (u.nodes.ghost(nodeid) !== undefined) return RETRY_LOOKUP
  const node = nodeOf(u, nodeid)
  if (typeof node === 'number') return node
  if (node.dir !== null) return (flags & O_ACCMODE) === O_RDONLY ? 0 : -Errno.EISDIR
  if (node.type !== S_IFREG) return -Errno.EOPNOTSUPP
  const write = (flags & O_ACCMODE) !== O_RDONLY || (flags & O_TRUNC) !== 0
  const errno = write ? openForWriting(u, node, flags) : openForReading(u, node)
  if (errno < 0) return errno
  // Copied up under those who have it open: the name means another nodeid from now on.
  if (node.id !== nodeid) return RETRY_LOOKUP
  answerOpen(u, node, write)
  // It may be mapped, and a write to a mapping of the backing is not told to the kernel's copy of the attributes.
  if (!mayMap(u, flags)) return 0
  noteMappable(u, node)
  u.binding.forgetAttributes(nodeid)
  return 0
}

/** Whether the open that was just answered may become a shared mapping of the backing that is written to. */
export function mayMap(u: Union, flags: number): boolean {
  return u.opened.backing > 0 && (flags & O_ACCMODE) === O_RDWR
}

/**
 * A small file's pages are there from the first open on; should one be asked for that is not, its descriptor is opened
 * then.
 */
function openForReading(u: Union, node: Node): number {
  if (!u.data.passthrough) return contentFd(u, node, false)
  preloadSmallFile(u, node)
  return 0
}

function openForWriting(u: Union, node: Node, flags: number): number {
  const truncates = (flags & O_TRUNC) !== 0
  // Where the open has to be tried again nothing may be lost if nobody does.
  const size = truncates && node.backing === 0 ? 0 : -1
  const kept = checkOpen(node, flags)
  if (kept < 0) return kept
  const before = node.id
  const errno = copyUpForChange(u, node, size)
  if (errno < 0 || node.id !== before) return errno
  const fd = contentFd(u, node, true, (flags & O_APPEND) !== 0)
  return fd < 0 || !truncates ? fd : native.ftruncate(fd, 0)
}

/** As may_open() in fs/namei.c. */
function checkOpen(node: Node, flags: number): number {
  if (node.protection === 0) return 0
  return checkImmutable(node) < 0 || (flags & (O_APPEND | O_TRUNC)) !== O_APPEND ? -Errno.EPERM : 0
}

/**
 * Fills `u.opened`. The kernel keeps its pages over opens: all change comes through the mount, so they stay true. But
 * not those of a file that may have been written to through its backing meanwhile.
 */
export function answerOpen(u: Union, node: Node, write: boolean): void {
  const backing = backingFor(u, node, write)
  const isAnew = u.data.passthrough && node.opens === 0 && node.inUpper && node.contentDir === null
  node.opens++
  if (write) node.writers++
  if (write && backing > 0) u.passedToWriters.add(node)
  const { ledger } = u.nodes
  if (ledger !== null) {
    ledger.opened(node)
    if (node.unlinkedFd >= 0) ledger.park(node, node.unlinkedFd)
  }
  u.opened.fh = write ? WRITER : READER
  u.opened.backing = backing
  const pages = isAnew ? 0 : OpenedFlag.KEEP_CACHE
  u.opened.flags = (backing > 0 ? OpenedFlag.PASSTHROUGH : pages) | OpenedFlag.NOFLUSH
}

/** The descriptor for `node`'s content, copied up first when it is to be written; `size` as for `copyUp`. */
function contentOf(u: Union, node: Node, write: boolean, size = -1, append = false): number {
  if (write) {
    const errno = copyUpForChange(u, node, size)
    if (errno < 0) return errno
  }
  return contentFd(u, node, write, append)
}

export function release(u: Union, nodeid: number, fh: number): number {
  const ghost = u.nodes.ghost(nodeid)
  if (ghost !== undefined) {
    releaseGhost(u, ghost)
    return 0
  }
  const node = u.nodes.get(nodeid)
  if (node === undefined || node.opens === 0) return 0
  node.opens--
  if (fh === WRITER && node.writers > 0 && --node.writers === 0) u.passedToWriters.delete(node)
  if (node.opens === 0) closeBacking(u, node)
  u.nodes.ledger?.opened(node)
  if (node.opens > 0) return 0
  if (!u.data.noOpen) dropContentFd(u, node)
  if (node.nlookup === 0) forgetUnused(u, node)
  return 0
}

/** Runs `act` on the content's descriptor, which is kept while the file is open, or may be. */
function withContent(u: Union, nodeid: number, write: boolean, act: (fd: number, node: Node) => number): number {
  const node = nodeOf(u, nodeid)
  if (typeof node === 'number') return node
  if (node.dir !== null) return -Errno.EISDIR
  const fd = contentOf(u, node, write)
  if (fd < 0) return fd
  const result = act(fd, node)
  if (node.opens === 0 && !u.data.noOpen) dropContentFd(u, node)
  return result
}

/** As `withContent` for reading; a ghost's content is the lower file it was left with. */
function withReadable(u: Union, nodeid: number, act: (fd: number) => number): number {
  const ghost = u.nodes.ghost(nodeid)
  return ghost === undefined ? withContent(u, nodeid, false, act) : withGhost(u, ghost, act)
}

/** Only of what is not bound yet: the transport serves the rest. */
export function read(u: Union, nodeid: number, length: number, offset: number, port: DataPort): number {
  if (u.data.noOpen) countRead(u)
  return withReadable(u, nodeid, (fd) => port.read(fd, length, offset))
}

export function write(
  u: Union,
  nodeid: number,
  length: number,
  offset: number,
  killSuid: boolean,
  port: DataPort,
): number {
  const node = u.nodes.get(nodeid)
  // Where no open was seen this is the first word of a writer; what has a descriptor was opened, or written, before.
  if (node !== undefined && u.data.noOpen && !node.dataWritable && checkImmutable(node) < 0) return -Errno.EPERM
  return withContent(u, nodeid, true, (fd, node) =>
    node.appendOnly ? append(fd, length, offset, killSuid, port) : port.write(fd, length, offset, killSuid),
  )
}

/**
 * To a file that may only grow. The kernel hands over whole pages when it has gathered writes, so what is there already
 * may come once more: it is left out.
 */
function append(fd: number, length: number, offset: number, killSuid: boolean, port: DataPort): number {
  const errno = native.statat(fd, '')
  if (errno < 0) return errno
  const there = native.stat[Stat.SIZE]! - offset
  if (there < 0 || there >= length) return -Errno.EPERM
  const written = port.write(fd, length - there, offset + there, killSuid, there)
  return written < 0 ? written : written + there
}

/** Nothing to do where nothing was copied up, or where the mount promises nothing. */
export function fsync(u: Union, nodeid: number, datasync: boolean): number {
  const node = nodeOf(u, nodeid)
  if (typeof node === 'number') return node
  // A crash afterwards leaves the new file, not the old one.
  const settled = settleFilling(u, node)
  if (settled < 0) return settled
  if (!u.syncs || !node.isUpper || node.type !== S_IFREG) return 0
  return withContent(u, nodeid, false, (fd) => u.binding.sync(fd, datasync))
}

export function fsyncdir(u: Union, nodeid: number, datasync: boolean): number {
  const node = nodeOf(u, nodeid)
  if (typeof node === 'number') return node
  if (!u.syncs || node.dir === null || node.dir.upper === null) return 0
  const place = u.cache.fd(node.dir.upper)
  const fd = place < 0 ? place : native.openat(place, '.', O_RDONLY | O_DIRECTORY, 0)
  if (fd < 0) return fd
  const errno = u.binding.sync(fd, datasync)
  native.close(fd)
  return errno
}

export function fallocate(u: Union, nodeid: number, mode: number, offset: number, length: number): number {
  const node = u.nodes.get(nodeid)
  const shrinks = (mode & ~FallocateMode.KEEP_SIZE) !== 0
  if (node !== undefined && (shrinks ? checkChange(node) : checkImmutable(node)) < 0) return -Errno.EPERM
  return withContent(u, nodeid, true, (fd) => native.fallocate(fd, mode, offset, length))
}

/** With writes gathered in the kernel, only the kernel knows where data is; told so, it calls all of a file data. */
export function lseek(u: Union, nodeid: number, offset: number, whence: number): number {
  if (u.data.writeback && u.writable !== null) return -Errno.ENOSYS
  return withReadable(u, nodeid, (fd) => native.lseek(fd, offset, whence))
}

/** Of one copy_file_range(2), in bytes: the caller asks again for the rest, and others have their turn before. */
export const COPIED_AT_A_TIME = 16 << 20

export function copyFileRange(
  u: Union,
  from: number,
  offsetIn: number,
  to: number,
  offsetOut: number,
  length: number,
): number {
  const target = u.nodes.get(to)
  if (target !== undefined && checkImmutable(target) < 0) return -Errno.EPERM
  return withContent(u, to, true, (out) =>
    withReadable(u, from, (source) =>
      native.copyFileRange(source, offsetIn, out, offsetOut, Math.min(length, COPIED_AT_A_TIME)),
    ),
  )
}
