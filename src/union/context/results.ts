/**
 * The shapes in which the engine leaves its answers, shared by everything above it.
 */
import { Errno } from '../../base/errno.js'
import { native } from '../../syscalls/native.js'

/** A file's attributes as the merged tree shows them. Times in seconds and nanoseconds; `blocks` in 512 bytes. */
export interface Attr {
  /** Whether the kernel may believe all this for as long as it was told; else not at all. */
  lasting: boolean
  ino: number
  mode: number
  nlink: number
  uid: number
  gid: number
  rdevMajor: number
  rdevMinor: number
  size: number
  /** The low 32 bits of `size`, which count where it is 2^53 or more. */
  sizeLow: number
  blocks: number
  blksize: number
  atime: number
  atimeNs: number
  mtime: number
  mtimeNs: number
  ctime: number
  ctimeNs: number
  btime: number
  btimeNs: number
}

/** The answer of an open: `fh` for the kernel to keep, and FOPEN_* bits. */
export interface Opened {
  fh: number
  flags: number
  /** The backing id with FOPEN_PASSTHROUGH, else 0. */
  backing: number
}

/** statfs(2)'s answer. */
export interface FsStat {
  bsize: number
  frsize: number
  blocks: number
  bfree: number
  bavail: number
  files: number
  ffree: number
  namelen: number
}

/** What a connection agreed on about file data, as in protocol/init. */
export interface DataModeAgreed {
  readonly passthrough: boolean
  readonly noOpen: boolean
  readonly writeback: boolean
}

/** Which descriptor serves a node's data: told to the transport, so that it can serve READ and WRITE by itself. */
export interface DataBinding {
  /** An eventfd upon which requests that were answered PENDING are served again; -1 where none can be put aside. */
  readonly wakeFd: number
  bind(nodeid: number, fd: number, writable: boolean): void
  unbind(nodeid: number): void
  /** Whether the binding has served anything since it was made or this was last asked. */
  used(nodeid: number): boolean
  /** A backing id for the file `fd`, or -errno. The descriptor may be closed then. */
  openBacking(fd: number): number
  closeBacking(id: number): void
  /** Makes the kernel ask for the node's attributes again. */
  forgetAttributes(nodeid: number): void
  /** Puts all `size` bytes of the file `fd` into the node's page cache. */
  storeContent(nodeid: number, fd: number, size: number): void
  /** Has the disk asked for the content of the file (dirFd, name), once the request in hand is answered. */
  readAhead(dirFd: number, name: string): void
  /** Whether the binding has served a WRITE since this was last asked. */
  changed(nodeid: number): boolean
  /** What the transport writes by itself is counted as this usage (native-bindings/index.d.ts). */
  count(usage: number): void
  /** What was written so since the last call is counted. */
  settleWritten(): void
  /** fsync, or fdatasync, of `fd` for the request in hand: 0, -errno, or LATER; then `fd` may be closed. */
  sync(fd: number, dataOnly: boolean): number
}

/**
 * Where nothing can be bound, because no device is served by native code, or nobody reads data: every file stays with
 * the engine.
 */
export const unbound: DataBinding = {
  wakeFd: -1,
  bind: () => {},
  unbind: () => {},
  used: () => true,
  openBacking: () => -Errno.ENOSYS,
  closeBacking: () => {},
  forgetAttributes: () => {},
  storeContent: () => {},
  readAhead: () => {},
  changed: () => false,
  count: () => {},
  settleWritten: () => {},
  sync: (fd, dataOnly) => (dataOnly ? native.fdatasync(fd) : native.fsync(fd)),
}
