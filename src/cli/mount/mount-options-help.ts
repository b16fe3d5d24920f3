/**
 * What `-o` takes, for a person: `stratafs mount --help` and the man pages are made of it. daemon/options/table.ts
 * decides.
 */

/** Words of one option or of a few that belong together, and what they do. */
type Row = readonly [words: string, about: string]

export const MOUNT_OPTIONS: readonly Row[] = [
  ['lowerdir=A:B', 'the layers, top first; in a name, write \\: and \\, for : and ,'],
  ['lowerdir+=A', 'one layer more, below those that were named'],
  [
    'upperdir=U workdir=W',
    'where changes go, and an empty directory on its filesystem; without them the mount is read-only',
  ],
  ['lowerdir=A::D datadir+=D', 'D: no names, only content of files that lead there by a mark'],
  ['verity=off|on', 'on: a file whose mark carries a digest is EIO'],
  ['ro rw', 'read-only, or not'],
  ['remount', 'change ro, rw and the flags of mount(8) of the mount on MERGED'],
  ['volatile', 'sync nothing: after a crash the upper is not to be trusted'],
  [
    'fsync=auto|strict|volatile|0|1',
    'sync copies of content (auto, 1), of everything (strict), of nothing (volatile, 0)',
  ],
  ['noatime atime', 'leave access times as they are, or not'],
  ['redirect_dir=on|off|follow|nofollow', 'rename directories of lower layers (on), or EXDEV (off)'],
  ['metacopy=on|off', 'chmod, chown and the like without copying content'],
  ['xino=on|off|auto', 'inode numbers that no two layers share'],
  [
    'index=on|off|immutable',
    'the owner index: a database of which layer owns a name, compared with the layers; immutable: they never ' +
      'change, so it is believed alone; on, given by name: layers that do not belong together are refused. ' +
      'Not kernel overlayfs’s index=: hard links are kept together always',
  ],
  [
    'index_fill=background|visited',
    'what comes into it: everything, while the mount is idle, or only directories that were visited',
  ],
  [
    'userxattr',
    'marks as user.overlay.*, which an ordinary user can write; redirects and metacopies are then off (EXDEV) unless ' +
      'redirect_dir=on or metacopy=on is given and nobody else may enter',
  ],
  ['acl noacl', 'POSIX ACLs (acl), or none'],
  ['static_nlink', 'every file shows one link'],
  ['uuid=on|off|null|auto nfs_export=off', 'taken as kernel overlayfs has them; without effect'],
  ['uidmapping=H:C:N gidmapping=H:C:N', 'owners on disk (H) to owners shown (C), in ranges of N'],
  ['squash_to_root squash_to_uid=U squash_to_gid=G', 'every file shows one owner'],
  ['xattr_permissions=0|1|2', 'owner and mode from an attribute: none, of root, of the user'],
  [
    'engine=auto|fuse|hybrid',
    'who serves: this daemon (fuse, auto), or kernel overlayfs above the lower layers as this daemon shows them ' +
      '(hybrid; Linux 6.16, root or a user namespace); where that cannot be had: fuse, and says so; see docs/hybrid.md',
  ],
  [
    'metadata_image=auto|off',
    'with engine=hybrid and index=immutable, as root: whether the kernel finds names in an image of the lower ' +
      'layers, which is made beside the first mount and kept; see docs/hybrid.md',
  ],
  ['data=auto|passthrough|cached', 'file data: to the layers’ own files (root), or through the mount’s page cache'],
  ['writeback=0|1', 'with data=cached: whether the kernel gathers small writes'],
  [
    'size=BYTES inodes=N',
    'what the upper may take up (10G, 512m; inodes: how many); what would exceed it is ENOSPC; see docs/limit.md',
  ],
  [
    'changelog=0|1 changelog_size=N',
    'keep a log of which paths were created, changed, renamed and removed, the last N (100000): stratafs log',
  ],
  [
    'copyup=background|wait',
    'a lower file of 64 MiB or more is copied up while it is written to, or whole before the first write; wait suits ' +
      'large files that are kept open and written to in small pieces all day',
  ],
  [
    'awake=auto|0|1',
    'keep idle processors from halting in busy times (root; PM QoS); auto: on guests of two processors that halt ' +
      'at once',
  ],
  [
    'recover=off|auto|on',
    'the mount outlives the process that serves it: on; auto: where the kernel sends again what was not answered ' +
      '(Linux 6.9), and without a word where it cannot be; off by default',
  ],
  ['host=auto|off', 'by a process that serves other mounts, too (auto), or by one of its own'],
  ['timeout=S', 'how long the kernel believes names and attributes, in seconds'],
  ['allow_other allow_root default_permissions', 'other users may enter, or root alone; the kernel checks permissions'],
  [
    'suid nosuid dev nodev exec noexec sync async dirsync symfollow nosymfollow lazytime nolazytime diratime ' +
      'nodiratime',
    'as mount(8) has them',
  ],
  ['fsname=NAME subtype=TYPE', 'what the mount table shows'],
  ['transport=dev-fuse|fuse-native', 'how requests come; see docs/transports.md'],
  ['accept_limits', 'over fuse-native: several users, though owners are wrong'],
  ['auto_unmount', 'over fuse-native: unmount when the daemon dies; without effect over dev-fuse'],
  ['log=FILE|journal debug', 'where the daemon logs; every request in one line'],
]

const INDENT = 2
const COLUMN = 38

/** The rows as lines of at most `width` characters: words on the left, what they do on the right. */
export function mountOptionsText(width: number): string {
  const lines = ['Mount options (-o A,B=C; names as kernel overlayfs and fuse-overlayfs have them):']
  for (const [words, about] of MOUNT_OPTIONS) {
    const left = wrapped(words, width - INDENT).map((line) => ' '.repeat(INDENT) + line)
    const right = wrapped(about, width - COLUMN)
    if (left.at(-1)!.length < COLUMN) left.push(left.pop()!.padEnd(COLUMN) + right.shift()!)
    lines.push(...left, ...right.map((line) => ' '.repeat(COLUMN) + line))
  }
  return lines.join('\n')
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line === undefined || line.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = `${line} ${word}`
  }
  return lines
}
