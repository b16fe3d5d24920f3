/**
 * The constants of Linux's system calls that the cases use, by their kernel names without the prefix's underscore.
 * Node's own tables lack most of them (renameat2, fallocate, locks, inode flags).
 */

/** open(2). */
export const O = {
  RDONLY: 0,
  WRONLY: 1,
  RDWR: 2,
  CREAT: 0o100,
  EXCL: 0o200,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  DIRECT: 0o40000,
  DIRECTORY: 0o200000,
  NOFOLLOW: 0o400000,
  NOATIME: 0o1000000,
  PATH: 0o10000000,
  TMPFILE: 0o20200000,
} as const

/** File types in st_mode. */
export const S = {
  IFMT: 0o170000,
  IFSOCK: 0o140000,
  IFLNK: 0o120000,
  IFREG: 0o100000,
  IFBLK: 0o060000,
  IFDIR: 0o040000,
  IFCHR: 0o020000,
  IFIFO: 0o010000,
} as const

/** Types in a directory entry. */
export const DT = { FIFO: 1, CHR: 2, DIR: 4, BLK: 6, REG: 8, LNK: 10, SOCK: 12 } as const

/** renameat2(2). */
export const RENAME = { NOREPLACE: 1, EXCHANGE: 2, WHITEOUT: 4 } as const

/** fallocate(2). */
export const FALLOC = { KEEP_SIZE: 1, PUNCH_HOLE: 2, COLLAPSE_RANGE: 8, ZERO_RANGE: 16, INSERT_RANGE: 32 } as const

/** lseek(2). */
export const SEEK = { SET: 0, CUR: 1, END: 2, DATA: 3, HOLE: 4 } as const

/** flock(2). */
export const LOCK = { SH: 1, EX: 2, NB: 4, UN: 8 } as const

/** fcntl(2) lock types. */
export const F = { RDLCK: 0, WRLCK: 1, UNLCK: 2 } as const

/** setxattr(2). */
export const XATTR = { CREATE: 1, REPLACE: 2 } as const

/** FS_IOC_GETFLAGS. */
export const FS_FL = { SYNC: 0x8, IMMUTABLE: 0x10, APPEND: 0x20, NODUMP: 0x40, NOATIME: 0x80 } as const

/** statx(2) result mask. */
export const STATX_BTIME = 0x800

/** The offset of a file's first byte. */
export const AT_START = 0
