/**
 * Linux constants for the system calls. They are written down here because Node's own list is short, and the headers of
 * the distribution we build on are older than the kernel. Values are those of x86-64 and the generic ABI; the few O_*
 * that differ on arm64 are taken from Node where it knows them.
 */
import { constants as node } from 'node:fs'

const onArm = process.arch === 'arm64' || process.arch === 'arm'

/** open(2) flags. */
export const O_RDONLY = 0
export const O_WRONLY = 1
export const O_RDWR = 2
export const O_ACCMODE = 3
export const O_CREAT = node.O_CREAT
export const O_EXCL = node.O_EXCL
export const O_NOCTTY = node.O_NOCTTY
export const O_TRUNC = node.O_TRUNC
export const O_APPEND = node.O_APPEND
export const O_NONBLOCK = node.O_NONBLOCK
export const O_DSYNC = node.O_DSYNC
export const O_SYNC = node.O_SYNC
export const O_DIRECT = node.O_DIRECT
export const O_DIRECTORY = node.O_DIRECTORY
export const O_NOFOLLOW = node.O_NOFOLLOW
export const O_NOATIME = node.O_NOATIME
export const O_LARGEFILE = onArm ? 0o400000 : 0o100000
export const O_CLOEXEC = 0o2000000
export const O_PATH = 0o10000000
export const O_TMPFILE = 0o20000000 | O_DIRECTORY

/** AT_* of the calls on places. */
export const AT_FDCWD = -100
export const AT_SYMLINK_NOFOLLOW = 0x100
export const AT_REMOVEDIR = 0x200
export const AT_SYMLINK_FOLLOW = 0x400
export const AT_NO_AUTOMOUNT = 0x800
export const AT_EMPTY_PATH = 0x1000

/** Types in st_mode, and its permission bits. */
export const S_IFMT = 0o170000
export const S_IFSOCK = 0o140000
export const S_IFLNK = 0o120000
export const S_IFREG = 0o100000
export const S_IFBLK = 0o060000
export const S_IFDIR = 0o040000
export const S_IFCHR = 0o020000
export const S_IFIFO = 0o010000
/** What chmod(2) sets. */
export const S_PERMISSIONS = 0o7777
export const S_ISUID = 0o4000
export const S_ISGID = 0o2000
/** Both. */
export const S_SETID = S_ISUID | S_ISGID
export const S_ISVTX = 0o1000
export const S_IRWXU = 0o700
export const S_IRWXG = 0o070
export const S_IXGRP = 0o010
export const S_IRWXO = 0o007

/** Types in directory entries: a mode's type bits shifted right by 12. */
export const DT_UNKNOWN = 0
export const DT_FIFO = 1
export const DT_CHR = 2
export const DT_DIR = 4
export const DT_BLK = 6
export const DT_REG = 8
export const DT_LNK = 10
export const DT_SOCK = 12

/** STATX_ATTR_* bits of a record's `attributes`. */
export const STATX_ATTR_COMPRESSED = 0x4
export const STATX_ATTR_IMMUTABLE = 0x10
export const STATX_ATTR_APPEND = 0x20
export const STATX_ATTR_NODUMP = 0x40
export const STATX_ATTR_MOUNT_ROOT = 0x2000
export const STATX_ATTR_VERITY = 0x100000

/** utimensat(2): in place of nanoseconds. */
export const UTIME_NOW = 0x3fffffff
export const UTIME_OMIT = 0x3ffffffe

/** setxattr(2) flags and limits. */
export const XATTR_CREATE = 1
export const XATTR_REPLACE = 2
export const XATTR_NAME_MAX = 255
/** Bytes of a name, and of a path with its final 0. */
export const NAME_MAX = 255
export const PATH_MAX = 4096
/** The attribute that holds a file's capabilities. */
export const XATTR_CAPABILITY = 'security.capability'
export const XATTR_SIZE_MAX = 65536

/** renameat2(2) flags. */
export const RENAME_NOREPLACE = 1
export const RENAME_EXCHANGE = 2
export const RENAME_WHITEOUT = 4

/** fallocate(2) modes. */
export const FALLOC_FL_KEEP_SIZE = 0x01
export const FALLOC_FL_PUNCH_HOLE = 0x02
export const FALLOC_FL_COLLAPSE_RANGE = 0x08
export const FALLOC_FL_ZERO_RANGE = 0x10
export const FALLOC_FL_INSERT_RANGE = 0x20
export const FALLOC_FL_UNSHARE_RANGE = 0x40

/** lseek(2) whence. */
export const SEEK_SET = 0
export const SEEK_CUR = 1
export const SEEK_END = 2
export const SEEK_DATA = 3
export const SEEK_HOLE = 4

/** flock(2) operations. */
export const LOCK_SH = 1
export const LOCK_EX = 2
export const LOCK_NB = 4
export const LOCK_UN = 8

/** mount(2) flags. */
export const MS_RDONLY = 0x1
export const MS_NOSUID = 0x2
export const MS_NODEV = 0x4
export const MS_NOEXEC = 0x8
export const MS_SYNCHRONOUS = 0x10
export const MS_REMOUNT = 0x20
export const MS_DIRSYNC = 0x80
export const MS_NOATIME = 0x400
export const MS_NODIRATIME = 0x800
export const MS_BIND = 0x1000
export const MS_MOVE = 0x2000
export const MS_REC = 0x4000
export const MS_SILENT = 0x8000
export const MS_PRIVATE = 0x40000
export const MS_SLAVE = 0x80000
export const MS_SHARED = 0x100000
export const MS_RELATIME = 0x200000
export const MS_STRICTATIME = 0x1000000

/** umount2(2) flags. */
export const MNT_FORCE = 1
export const MNT_DETACH = 2
export const MNT_EXPIRE = 4
export const UMOUNT_NOFOLLOW = 8

/** mount_setattr(2) attributes, as `cloneMount` takes them. */
export const MOUNT_ATTR_RDONLY = 0x1
export const MOUNT_ATTR_NOSUID = 0x2
export const MOUNT_ATTR_NODEV = 0x4
export const MOUNT_ATTR_NOEXEC = 0x8
export const MOUNT_ATTR_RELATIME = 0x0
export const MOUNT_ATTR_NOATIME = 0x10
export const MOUNT_ATTR_STRICTATIME = 0x20
export const MOUNT_ATTR_NODIRATIME = 0x80
export const MOUNT_ATTR_NOSYMFOLLOW = 0x200000

/** statvfs(3) flags, as slot FLAGS of `native.fsstat` holds them. */
export const ST_RDONLY = 0x1
export const ST_NOSUID = 0x2
export const ST_NODEV = 0x4
export const ST_NOEXEC = 0x8
export const ST_SYNCHRONOUS = 0x10
export const ST_NOATIME = 0x400
export const ST_NODIRATIME = 0x800
export const ST_RELATIME = 0x1000

/** Inode flags of FS_IOC_GETFLAGS. */
export const FS_SYNC_FL = 0x8
export const FS_IMMUTABLE_FL = 0x10
export const FS_APPEND_FL = 0x20
export const FS_NODUMP_FL = 0x40
export const FS_NOATIME_FL = 0x80

/** What `enterEngineThread` answers. */
export const UMASK_IS_PRIVATE = 1
export const CAPABILITIES_KEPT = 2
export const FSUID_CAN_CHANGE = 4

/** Capability numbers. */
export const CAP_CHOWN = 0
export const CAP_DAC_READ_SEARCH = 2
export const CAP_SYS_ADMIN = 21
export const CAP_MKNOD = 27

/** f_type of filesystems that are treated in a way of their own. */
export const EXT4_SUPER_MAGIC = 0xef53
export const TMPFS_MAGIC = 0x01021994
export const OVERLAYFS_SUPER_MAGIC = 0x794c7630
export const FUSE_SUPER_MAGIC = 0x65735546
export const NFS_SUPER_MAGIC = 0x6969
