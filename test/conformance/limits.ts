/**
 * What the package fuse-native 2.2.6 and its libfuse 2.9 cannot carry, one row a limit, each with the cases that show
 * it. A case in this list is played like any other and has to fail: once a later version mends a limit, it passes, and
 * the column says that the row must go. Limits that no conformance case meets are shown by
 * test/transport/limits.test.ts, which takes its rows from here too. docs/transports.md prints the list.
 */

export interface Limit {
  readonly id: string
  /** What does not work. */
  readonly what: string
  readonly cause: string
  /** `family: name` of the cases that fail because of it. */
  readonly cases: readonly string[]
}

export const limits: readonly Limit[] = [
  {
    id: 'several-users',
    what: 'whatever other users make belongs to the user who mounted (several users are refused without --accept-limits)',
    cause: 'the caller’s uid and gid are not handed over',
    cases: [
      'create: new files belong to the caller',
      'create: a setgid directory gives its group to new files, and its setgid bit to new directories',
      'create: what another user makes over whiteouts in a setgid directory is that user’s, and of its group',
      'rename: the sticky bit and the parent’s mode are checked for both ends',
      'attributes: truncate and O_TRUNC clear setgid without group execute when somebody outside the group does it',
      'special files: mknod of a device by a plain user is EPERM, of a FIFO allowed',
    ],
  },
  {
    id: 'trusted-listed',
    what: 'with --accept-limits, names of trusted.* attributes are listed to every user',
    cause: 'the caller’s uid is not handed over',
    cases: ['xattrs: trusted xattrs are not shown to a plain user'],
  },
  {
    id: 'times-milliseconds',
    what: 'times are shown and set in milliseconds; one before 1970 is stored and shows as 1970',
    cause: 'its C half counts whole milliseconds, without a sign',
    cases: ['attributes: times before 1970 and after 2038'],
  },
  {
    id: 'one-time-alone',
    what: 'setting one of the two times alone (touch -m, touch -a) does nothing, and says nothing',
    cause: 'libfuse 2.9 calls utimens for both times only, unless told otherwise, which fuse-native does not',
    cases: [
      'attributes: utimes with OMIT leaves a time, with NOW sets it to now',
      'links: chmod, utimes and truncate through one name show through the other',
      'persistence: a mixed session reads the same after a remount: content, modes, times, links',
    ],
  },
  {
    id: 'birth-time',
    what: 'statx tells no time of birth',
    cause: 'STATX is younger than libfuse 2.9',
    cases: ['attributes: statx tells a birth time that lies before ctime of a new file'],
  },
  {
    id: 'rename-flags',
    what: 'renameat2 with NOREPLACE, EXCHANGE or WHITEOUT is EINVAL (mv -n looks first instead)',
    cause: 'RENAME2 is younger than libfuse 2.9',
    cases: [
      'rename: NOREPLACE on an existing name is EEXIST, on a free one succeeds',
      'rename: NOREPLACE over a whiteout succeeds (mv -n)',
      'rename: EXCHANGE of a lower and an upper file',
      'rename: EXCHANGE of two lower files, one in a directory of its own',
      'rename: EXCHANGE of a file with a new directory',
      'rename: WHITEOUT leaves a whiteout device where the file was',
      'rename of directories: EXCHANGE of two lower directories',
      'rename of directories: EXCHANGE of a lower directory with a lower file',
      'odd modes: a lower directory of mode 0555 is renamed in its parent, and exchanged',
      'first write to a large file: renamed, linked, exchanged, replaced and removed after the first write',
      'protection: an append-only lower file lets its times be set to now, and stays append-only once copied up',
    ],
  },
  {
    id: 'not-utf8',
    what: 'a name that is not UTF-8 is listed with U+FFFD in it, and touching it is EILSEQ; as a symlink’s target too',
    cause: 'names pass through JavaScript text',
    cases: [
      'names: names that are not UTF-8 are kept byte by byte',
      'names: names with newlines, quotes, commas, colons and control bytes',
      'links: a symlink with bytes that are not UTF-8 as its target',
    ],
  },
  {
    id: 'acl',
    what: 'POSIX ACLs are stored and shown, but the kernel does not enforce them, and the umask counts beside a default ACL',
    cause: 'libfuse 2.9 does not agree on POSIX_ACL and DONT_MASK with the kernel',
    cases: [
      'ACLs: an ACL of a lower file is enforced',
      'ACLs: an ACL goes along with the copy-up',
      'ACLs: setting an ACL on a lower file sets the mode; chmod changes the mask',
      'ACLs: a default ACL of a lower directory is inherited by new files and directories, instead of the umask',
      'ACLs: a default ACL set in the mount is inherited over a whiteout too',
      'ACLs: setting an ACL by an owner outside the group clears setgid',
      'ACLs: a named group’s entry is enforced',
    ],
  },
  {
    id: 'holes',
    what: 'SEEK_DATA and SEEK_HOLE see one run of data',
    cause: 'LSEEK is younger than libfuse 2.9',
    cases: [
      'holes, fallocate, ranges, tmpfile: SEEK_DATA and SEEK_HOLE find the parts of a lower and of a copied-up file',
    ],
  },
  {
    id: 'fallocate',
    what: 'fallocate is EOPNOTSUPP',
    cause: 'fuse-native has no callback for it',
    cases: [
      'holes, fallocate, ranges, tmpfile: fallocate lengthens a lower file; KEEP_SIZE does not',
      'first write to a large file: cut off, made longer, punched and zeroed',
      'holes, fallocate, ranges, tmpfile: fallocate PUNCH_HOLE and ZERO_RANGE clear a range of a lower file',
      'attributes: writing and fallocate clear setgid without group execute when somebody outside the group does it',
      'protection: an open for writing of an immutable file is EPERM, of an append-only one it has to append',
    ],
  },
  {
    id: 'tmpfile',
    what: 'O_TMPFILE is EOPNOTSUPP',
    cause: 'TMPFILE is younger than libfuse 2.9',
    cases: [
      'holes, fallocate, ranges, tmpfile: O_TMPFILE: written, read, nlink 0, and linked into place',
      'holes, fallocate, ranges, tmpfile: O_TMPFILE that is never linked leaves nothing',
      'holes, fallocate, ranges, tmpfile: O_TMPFILE with O_EXCL cannot be linked',
      'protection: an immutable lower directory takes no names and loses none; its files can be written',
    ],
  },
  {
    id: 'inode-flags',
    what: 'chattr and lsattr are ENOTTY',
    cause: 'fuse-native has no callback for ioctl',
    cases: [
      'persistence: inode flags of a new file are set, read, and obeyed',
      'protection: an immutable lower file cannot be changed, renamed, linked, replaced or removed',
      'protection: flags set in the mount protect, and are a mark in the upper',
      'protection: a mark of protection in the upper counts, whatever the real flags are',
      'protection: rmdir of a protected directory that is not empty is EPERM, as is one over a protected one',
      'protection: chattr moves the time of change',
      'persistence: setting an inode flag on a lower file copies it up',
      'persistence: synchronous and no-atime of lower files and directories come along with the copy-up, no-dump does not',
    ],
  },
  {
    id: 'locks-of-links',
    what: 'locks through two names of one file do not exclude each other',
    cause: 'libfuse 2.9 gives each path an inode of its own, and fuse-native has no callback for locks',
    cases: [
      'locks: locks through two names of a hard link are on one file',
      'locks: locks through two names of a lower pair are on one file after copy-up',
    ],
  },
  {
    id: 'pages-of-links',
    what: 'a file that is open under one name shows what was written through another only after it is opened again',
    cause: 'libfuse 2.9 gives each path an inode, and so a page cache, of its own',
    cases: [],
  },
  {
    id: 'removed-parent',
    what: 'an open file that was removed can be read on, until its directory is removed too: then ENOENT',
    cause: 'libfuse 2.9 finds an open file by its path',
    cases: [],
  },
  {
    id: 'removed-path-only',
    what: 'a removed file that is held by O_PATH only, or a removed directory that is somebody’s cwd, is ENOENT',
    cause: 'libfuse 2.9 finds a file by its path',
    cases: [],
  },
  {
    id: 'replace-open',
    what: 'a rename over a name that is open takes two steps: for a moment the name is gone',
    cause: 'libfuse 2.9 moves an open target away before it renames',
    cases: [],
  },
  {
    id: 'inode-numbers',
    what: 'inode numbers have 32 bits: those of a second filesystem among the layers are folded',
    cause: 'its C half takes 32 bits',
    cases: [],
  },
  {
    id: 'hidden-names',
    what: 'renaming an open file to a name like `.fuse_hidden` with 16 hexadecimal digits removes it',
    cause: 'libfuse 2.9 removes an open file by such a rename, which looks the same',
    cases: [],
  },
  {
    id: 'main-thread',
    what: 'it serves on the main thread of its process only',
    cause: 'its C half uses the default event loop',
    cases: [],
  },
  {
    id: 'mount-over-mount',
    what: 'a mountpoint on which something is mounted already is refused; so is one that is not UTF-8',
    cause: 'its JavaScript compares the devices of mountpoint and parent',
    cases: [],
  },
]

const byCase: ReadonlyMap<string, Limit> = new Map(limits.flatMap((limit) => limit.cases.map((one) => [one, limit])))

/** The limit that makes this case fail over fuse-native, or null. */
export function limitOf(family: string, name: string): Limit | null {
  return byCase.get(`${family}: ${name}`) ?? null
}

/** What the package does wrong or leaves out and the transport makes good. The fault itself is shown by a test. */
interface Mended {
  readonly id: string
  readonly fault: string
  readonly instead: string
}

export const mended: readonly Mended[] = [
  {
    id: 'utimens-twice',
    fault: 'utimens is handed the access time twice and never the modification time',
    instead: 'both are read from the record of the call, once the first is seen to be where it is expected',
  },
  {
    id: 'timers',
    fault: 'a call that takes longer than 15 s is answered ETIMEDOUT behind its back',
    instead: 'its timers are off',
  },
  {
    id: 'zero-timeouts',
    fault: 'attrTimeout: 0 is ignored (the string `0` is not), and there is no negativeTimeout',
    instead: 'the option string is made here',
  },
  {
    id: 'links-of-removed',
    fault: 'a link count of 0 is told as 1',
    instead: 'the array of numbers is made here',
  },
  {
    id: 'library-not-found',
    fault: 'its prebuilt half needs a libfuse.so.2 that the linker does not find, though the package brings it',
    instead: 'that file is loaded first',
  },
  {
    id: 'unmount-program',
    fault: 'its unmount calls `fusermount`, and it does not notice a mount that was unmounted from outside',
    instead: 'unmounted by umount(2) or fusermount3 in a process of its own; the end is seen by libfuse’s device',
  },
  {
    id: 'hidden-files',
    fault: 'a removed open file stays as .fuse_hidden… in its directory',
    instead: 'it is removed, and the name kept in mind for those who have it open',
  },
]
