/**
 * The numbers of the FUSE kernel protocol's messages (linux/fuse.h, protocol 7.45). Debian 12's header stops at 7.38,
 * so the newer ones are written down here. Names are the kernel's own, without the FUSE_ prefix: the session's table,
 * the trace and the counters all use them.
 */

/** enum fuse_opcode. */
export const Opcode = {
  LOOKUP: 1,
  FORGET: 2,
  GETATTR: 3,
  SETATTR: 4,
  READLINK: 5,
  SYMLINK: 6,
  MKNOD: 8,
  MKDIR: 9,
  UNLINK: 10,
  RMDIR: 11,
  RENAME: 12,
  LINK: 13,
  OPEN: 14,
  READ: 15,
  WRITE: 16,
  STATFS: 17,
  RELEASE: 18,
  FSYNC: 20,
  SETXATTR: 21,
  GETXATTR: 22,
  LISTXATTR: 23,
  REMOVEXATTR: 24,
  FLUSH: 25,
  INIT: 26,
  OPENDIR: 27,
  READDIR: 28,
  RELEASEDIR: 29,
  FSYNCDIR: 30,
  GETLK: 31,
  SETLK: 32,
  SETLKW: 33,
  ACCESS: 34,
  CREATE: 35,
  INTERRUPT: 36,
  BMAP: 37,
  DESTROY: 38,
  IOCTL: 39,
  POLL: 40,
  NOTIFY_REPLY: 41,
  BATCH_FORGET: 42,
  FALLOCATE: 43,
  READDIRPLUS: 44,
  RENAME2: 45,
  LSEEK: 46,
  COPY_FILE_RANGE: 47,
  SETUPMAPPING: 48,
  REMOVEMAPPING: 49,
  SYNCFS: 50,
  TMPFILE: 51,
  STATX: 52,
  COPY_FILE_RANGE_64: 53,
} as const

/** The protocol's major version: another one is another protocol. */
export const FUSE_KERNEL_VERSION = 7

/** The newest minor version spoken here, and the oldest (Linux 4.18's). */
export const FUSE_KERNEL_MINOR_VERSION = 45
export const FUSE_OLDEST_MINOR_VERSION = 27

/** The nodeid of the mount's root, fixed by the protocol. */
export const FUSE_ROOT_ID = 1

/** Size of fuse_in_header, which opens every request. */
export const IN_HEADER = 40

/** Size of fuse_out_header, which opens every reply. */
export const OUT_HEADER = 16

/** The kernel takes errors of -511 to 0 and refuses the whole reply otherwise. */
export const MAX_REPLY_ERRNO = 511

/** Lookup from number to name, for traces and counters; numbers without a name are absent. */
export const opcodeNames: ReadonlyMap<number, string> = new Map(
  Object.entries(Opcode).map(([name, number]) => [number, name]),
)
