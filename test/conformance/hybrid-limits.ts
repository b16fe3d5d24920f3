/**
 * What engine=hybrid does otherwise than the FUSE engine, one row a limit, each with the cases that show it. A case in
 * this list is played and has to fail. Where kernel overlayfs itself is not asked a case, for it differs
 * (`not.kernel`), this column is not asked either. docs/hybrid.md prints both.
 */
import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import type { Limit } from './limits.js'

export const hybridLimits: readonly Limit[] = [
  {
    id: 'numbers-over-remount',
    what:
      'a file that was copied up has another inode number after a remount, or once the kernel has dropped the lower ' +
      'inode from its caches',
    cause: 'the FUSE mount below has no file handles, so no origin is kept',
    cases: [
      'one after the other: chmod of every file, directory after directory, keeps all else',
      'inode numbers: the inode number of a file stays over copy-up by write, chmod, rename and remount',
      'rename: a lower file renamed keeps content, mode, mtime and inode number',
      'rename: rename of a lower symlink, FIFO and hard link',
      'links: link of a lower file: two names, one inode, nlink 2',
      'links: link of a symlink links the symlink',
      'on disk: a copied-up file carries an origin mark',
      'first write to a large file: mode, times and attributes that are set after the first write last',
      'first write to a large file: renamed, linked, exchanged, replaced and removed after the first write',
    ],
  },
  {
    id: 'hard-links',
    what: 'a change of one name of several that a lower file has gives that name a file of its own',
    cause: 'the kernel keeps hard links together by file handles, which the FUSE mount below has not',
    cases: [
      'one after the other: chown of every file, there and back',
      'large files: hard links: what is written by one name is read by the other, which was open before',
      'rename: rename of one hard link onto the other does nothing',
      'links: writing one name of a lower pair is seen through the other, also after a remount',
      'links: both names of a lower pair written in turn, with a remount between',
      'links: nlink of a lower pair goes down with each unlink, over a remount',
      'links: a lower pair holds together when the lower loses the name that was copied up, while unmounted',
      'links: lower files that get a second name while unmounted: copied up before, it is a file of its own',
      'links: a third name for a lower pair counts 3',
      'links: chmod, utimes and truncate through one name show through the other',
      'links: a lower pair holds together when the caches are dropped between the writes',
      'links: a name of a lower pair renamed stays in the group',
      'links: a descriptor on one name sees the write through the other',
      'locks: locks through two names of a lower pair are on one file after copy-up',
      'inode numbers: a copied-up hard link and its lower partner share one number with nlink 2',
      'layers changed while unmounted: the link count of four lower names, over each kind of change, with the caches dropped between',
      'layers changed while unmounted: the link count of four lower names, over each kind of change, with a remount between',
      'layers changed while unmounted: the link count follows names of the upper that come and go while unmounted',
      'metacopy: a metacopied file linked: both names read, and write together',
      'first write to a large file: O_TRUNC, and a hard link that shares it',
      'links: names that a lower pair gets below the mount, and loses in it, take nothing from the two',
    ],
  },
  {
    id: 'protection',
    what: 'chattr +i and +a of a lower file or directory protect it only once it has been copied up',
    cause: 'FUSE carries no inode flags, by which the overlay knows them',
    cases: [
      'protection: an immutable lower file cannot be changed, renamed, linked, replaced or removed',
      'protection: an append-only lower file lets its times be set to now, and stays append-only once copied up',
      'protection: an open for writing of an immutable file is EPERM, of an append-only one it has to append',
      'protection: an immutable lower directory takes no names and loses none; its files can be written',
    ],
  },
  {
    id: 'copy-range',
    what: 'copy_file_range from a lower file of up to 4 KiB is EXDEV; cp then reads and writes',
    cause: 'such a file is read through the FUSE mount, which is another filesystem',
    cases: ['holes, fallocate, ranges, tmpfile: copy_file_range from a lower file into a new one and into a lower one'],
  },
  {
    id: 'whiteout-kept',
    what: 'one whiteout is left in the workdir’s work/ until the next mount',
    cause: 'the kernel makes its whiteouts as links of it',
    cases: ['on disk: the workdir is empty of rubbish once the mount is gone'],
  },
  {
    id: 'virtual-upper',
    what: 'user.stratafs.layer and user.stratafs.realpath are not shown for what lies in the upper',
    cause: 'the upper is the kernel’s',
    cases: ['xattrs: user.stratafs.layer and realpath tell where a file comes from'],
  },
]

/** What it does otherwise on a metadata image. */
export const imageLimits: readonly Limit[] = [
  {
    id: 'lower-acls',
    what:
      'an ACL cannot be set on a lower file or directory, nor removed from one, before it has been copied up ' +
      '(EOPNOTSUPP); chmod, or touch, copies it up',
    cause:
      'kernel overlayfs asks the lower filesystem whether it can set ACLs, and EROFS, which is never written, cannot',
    cases: [
      'odd modes: a lower file of mode 0444 gets an ACL, and a name in place of another',
      'odd modes: a lower file of mode 0000 gets an ACL, and a name in place of another',
      'odd modes: a lower file of mode 0200 gets an ACL, and a name in place of another',
      'odd modes: a lower file of mode 0100 gets an ACL, and a name in place of another',
      'ACLs: setting an ACL on a lower file sets the mode; chmod changes the mask',
      'ACLs: an ACL that says no more than the mode is not kept',
      'ACLs: a default ACL set in the mount is inherited over a whiteout too',
      'ACLs: removing an ACL leaves the mode bits',
      'ACLs: setting an ACL by an owner outside the group clears setgid',
      'ACLs: a named group’s entry is enforced',
    ],
  },
  {
    id: 'lower-flags',
    what:
      'lsattr and chattr of a lower file or directory are ENOTTY before it has been copied up; its flags do not ' +
      'protect it, and do not come along with a copy-up',
    cause: 'EROFS keeps no inode flags',
    cases: [
      'protection: an immutable lower file cannot be changed, renamed, linked, replaced or removed',
      'protection: an append-only lower file lets its times be set to now, and stays append-only once copied up',
      'protection: an open for writing of an immutable file is EPERM, of an append-only one it has to append',
      'protection: an immutable lower directory takes no names and loses none; its files can be written',
      'protection: an append-only lower directory takes new names and loses none',
      'protection: flags set in the mount protect, and are a mark in the upper',
      'protection: rmdir of a protected directory that is not empty is EPERM, as is one over a protected one',
      'persistence: setting an inode flag on a lower file copies it up',
      'persistence: synchronous and no-atime of lower files and directories come along with the copy-up, no-dump does not',
    ],
  },
  {
    id: 'virtual-lower',
    what: 'user.stratafs.layer and user.stratafs.realpath are not shown; `stratafs which` tells the same',
    cause: 'what an image shows is in it, and would be copied up',
    cases: ['xattrs: user.stratafs.layer and realpath tell where a file comes from'],
  },
  {
    id: 'changed-layers',
    what: 'a changed layer is another image, to which handles in the upper do not lead: its hard links are split',
    cause: 'these layers were promised not to change',
    cases: [
      'links: a lower pair holds together when the lower loses the name that was copied up, while unmounted',
      'links: lower files that get a second name while unmounted: copied up before, it is a file of its own',
      'links: names that a lower pair gets below the mount, and loses in it, take nothing from the two',
    ],
  },
]

/** What it does otherwise in a user namespace, beside those of root. */
export const userLimits: readonly Limit[] = [
  {
    id: 'redirects',
    what: 'renaming a directory of a lower layer is EXDEV, and mv copies',
    cause: 'with user.overlay.* marks kernel overlayfs writes no redirects',
    cases: [
      'odd modes: a lower directory of mode 0555 is renamed in its parent, and exchanged',
      'rename: wrong kinds: file over directory EISDIR, directory over file ENOTDIR, over a full directory ENOTEMPTY',
      'rename of directories: a lower directory renamed keeps its content, mode, mtime and inode number, also after a remount',
      'rename of directories: a lower directory moved into another lower directory, and its file into a third',
      'rename of directories: a directory renamed three times still finds its lower part',
      'rename of directories: a subdirectory of a renamed directory renamed in turn',
      'rename of directories: a new directory under the old name does not show the old content',
      'rename of directories: a new directory renamed over an empty lower one, and a lower one over a new empty one',
      'rename of directories: a directory renamed over one that holds only whiteouts',
      'rename of directories: changes inside a renamed directory are there after a remount',
      'rename of directories: EXCHANGE of two lower directories',
      'rename of directories: EXCHANGE of a lower directory with a lower file',
      'rename of directories: a descriptor of a directory follows it over a rename',
      'xattrs: overlay’s own marks are neither listed nor read nor written through the mount',
      'names: names that are not UTF-8 are kept byte by byte',
      'persistence: a mixed session reads the same after a remount: content, modes, times, links',
      'persistence: everything is found again, and right, after drop_caches',
      'layers changed while unmounted: a working directory keeps its path when it and its parents cannot be removed',
    ],
  },
  {
    id: 'unmapped-ids',
    what: 'an ACL that names an id which the namespace does not map is EINVAL',
    cause: 'so it is in every filesystem there; the column maps one id',
    cases: [
      'odd modes: a lower file of mode 0444 gets an ACL, and a name in place of another',
      'odd modes: a lower file of mode 0000 gets an ACL, and a name in place of another',
      'odd modes: a lower file of mode 0200 gets an ACL, and a name in place of another',
      'odd modes: a lower file of mode 0100 gets an ACL, and a name in place of another',
    ],
  },
]

const find =
  (limits: readonly Limit[]) =>
  (family: string, name: string): Limit | null =>
    limits.find(({ cases }) => cases.includes(`${family}: ${name}`)) ?? null

/** The limit that makes this case fail by engine=hybrid, or null. */
export const hybridLimitOf = find(hybridLimits)

/** The same on a metadata image. */
export const imageLimitOf = find(imageLimits)

/** The same in a user namespace. */
export const userLimitOf = find([...userLimits, ...hybridLimits])

const OLDEST = [6, 16] as const

/** Why a mount cannot be by engine=hybrid here; null where it can. */
export function hybridObstacle(): string | null {
  if (process.getuid?.() !== 0) return 'needs root'
  if (!/\boverlay$/m.test(readFileSync('/proc/filesystems', 'latin1'))) return 'this kernel has no overlayfs'
  const [major = 0, minor = 0] = release().split('.').map(Number)
  const isOld = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])
  return isOld ? `needs Linux ${OLDEST.join('.')} (this is ${release()})` : null
}
