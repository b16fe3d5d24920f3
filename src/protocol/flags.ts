/**
 * The bits that travel in FUSE messages (linux/fuse.h, protocol 7.45), and the few of the system calls' own that the
 * session has to understand. The kernel's names without the FUSE_ prefix, each family one object, so that the trace can
 * print a number by its family. Bits 32 and up of the INIT flags travel in `flags2`, counted from 0 again.
 */

/** FUSE_* flags of INIT, bits 0 to 30. */
export const InitFlag = {
  ASYNC_READ: 1 << 0,
  POSIX_LOCKS: 1 << 1,
  FILE_OPS: 1 << 2,
  ATOMIC_O_TRUNC: 1 << 3,
  EXPORT_SUPPORT: 1 << 4,
  BIG_WRITES: 1 << 5,
  DONT_MASK: 1 << 6,
  SPLICE_WRITE: 1 << 7,
  SPLICE_MOVE: 1 << 8,
  SPLICE_READ: 1 << 9,
  FLOCK_LOCKS: 1 << 10,
  HAS_IOCTL_DIR: 1 << 11,
  AUTO_INVAL_DATA: 1 << 12,
  DO_READDIRPLUS: 1 << 13,
  READDIRPLUS_AUTO: 1 << 14,
  ASYNC_DIO: 1 << 15,
  WRITEBACK_CACHE: 1 << 16,
  NO_OPEN_SUPPORT: 1 << 17,
  PARALLEL_DIROPS: 1 << 18,
  HANDLE_KILLPRIV: 1 << 19,
  POSIX_ACL: 1 << 20,
  ABORT_ERROR: 1 << 21,
  MAX_PAGES: 1 << 22,
  CACHE_SYMLINKS: 1 << 23,
  NO_OPENDIR_SUPPORT: 1 << 24,
  EXPLICIT_INVAL_DATA: 1 << 25,
  MAP_ALIGNMENT: 1 << 26,
  SUBMOUNTS: 1 << 27,
  HANDLE_KILLPRIV_V2: 1 << 28,
  SETXATTR_EXT: 1 << 29,
  INIT_EXT: 1 << 30,
} as const

/** FUSE_* flags of INIT, bits 32 to 43, as they stand in flags2. */
export const InitFlag2 = {
  SECURITY_CTX: 1 << 0,
  HAS_INODE_DAX: 1 << 1,
  CREATE_SUPP_GROUP: 1 << 2,
  HAS_EXPIRE_ONLY: 1 << 3,
  DIRECT_IO_ALLOW_MMAP: 1 << 4,
  PASSTHROUGH: 1 << 5,
  NO_EXPORT_SUPPORT: 1 << 6,
  HAS_RESEND: 1 << 7,
  ALLOW_IDMAP: 1 << 8,
  OVER_IO_URING: 1 << 9,
  REQUEST_TIMEOUT: 1 << 10,
} as const

/** FATTR_*: which fields of a SETATTR count. */
export const SetattrFlag = {
  MODE: 1 << 0,
  UID: 1 << 1,
  GID: 1 << 2,
  SIZE: 1 << 3,
  ATIME: 1 << 4,
  MTIME: 1 << 5,
  FH: 1 << 6,
  ATIME_NOW: 1 << 7,
  MTIME_NOW: 1 << 8,
  LOCKOWNER: 1 << 9,
  CTIME: 1 << 10,
  KILL_SUIDGID: 1 << 11,
} as const

/** FOPEN_*: how the kernel is to treat an open file. */
export const OpenedFlag = {
  DIRECT_IO: 1 << 0,
  KEEP_CACHE: 1 << 1,
  NONSEEKABLE: 1 << 2,
  CACHE_DIR: 1 << 3,
  STREAM: 1 << 4,
  NOFLUSH: 1 << 5,
  PARALLEL_DIRECT_WRITES: 1 << 6,
  PASSTHROUGH: 1 << 7,
} as const

/** FUSE_OPEN_KILL_SUIDGID in open_flags: an O_TRUNC by a caller without CAP_FSETID. */
export const OPEN_KILL_SUIDGID = 1

/** FUSE_WRITE_*. */
export const WriteFlag = { CACHE: 1 << 0, LOCKOWNER: 1 << 1, KILL_SUIDGID: 1 << 2 } as const

/** FUSE_FSYNC_FDATASYNC. */
export const FSYNC_FDATASYNC = 1

/** FUSE_SETXATTR_ACL_KILL_SGID. */
export const SETXATTR_ACL_KILL_SGID = 1

/** RENAME_* of renameat2(2). */
export const RenameFlag = { NOREPLACE: 1, EXCHANGE: 2, WHITEOUT: 4 } as const

/** XATTR_* of setxattr(2). */
export const XattrFlag = { CREATE: 1, REPLACE: 2 } as const

/** The bits of fallocate(2)'s mode. */
export const FallocateMode = {
  KEEP_SIZE: 0x01,
  PUNCH_HOLE: 0x02,
  COLLAPSE_RANGE: 0x08,
  ZERO_RANGE: 0x10,
  INSERT_RANGE: 0x20,
  UNSHARE_RANGE: 0x40,
} as const

/**
 * The bits of open(2)'s flags above the access mode (asm-generic values: x86-64, arm64 differs in O_DIRECT and three
 * more, which only the trace would show).
 */
export const OpenFlag = {
  O_WRONLY: 0x1,
  O_RDWR: 0x2,
  O_CREAT: 0x40,
  O_EXCL: 0x80,
  O_NOCTTY: 0x100,
  O_TRUNC: 0x200,
  O_APPEND: 0x400,
  O_NONBLOCK: 0x800,
  O_DSYNC: 0x1000,
  O_DIRECT: 0x4000,
  O_LARGEFILE: 0x8000,
  O_DIRECTORY: 0x10000,
  O_NOFOLLOW: 0x20000,
  O_NOATIME: 0x40000,
  O_CLOEXEC: 0x80000,
  O_SYNC: 0x100000,
} as const

/** lseek(2)'s whence, the two values the kernel hands down. */
export const Whence = { SEEK_DATA: 3, SEEK_HOLE: 4 } as const

/** STATX_* mask bits. */
export const StatxMask = { BASIC_STATS: 0x7ff, BTIME: 0x800 } as const

/**
 * Inode flag ioctls. The command codes carry the size of `long`, so 32- and 64-bit programs send different ones; the
 * argument is 32 bits in truth for both. FSGETXATTR (struct fsxattr, 28 bytes) is what the kernel asks before any
 * FS_IOC_SETFLAGS.
 */
export const IoctlCommand = {
  GETFLAGS: 0x80086601,
  SETFLAGS: 0x40086602,
  GETFLAGS_32: 0x80046601,
  SETFLAGS_32: 0x40046602,
  FSGETXATTR: 0x801c581f,
} as const
