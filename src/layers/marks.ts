/**
 * Extended attributes by which a layer says what a directory entry alone cannot. They are kernel overlayfs's opaque,
 * redirect, metacopy, origin, impure and nlink (docs/on-disk-format.md), and fuse-overlayfs's spelling of opaque. They
 * are read together: one listxattr says that there are none, which is the usual answer. They belong to the union and
 * are never shown to, or set by, those who use the mount. A name of theirs that a user sets is stored one level deeper
 * (`overlay.overlay.x`), which is how overlays nest.
 */
import { Errno } from '../base/errno.js'
import { CAP_DAC_READ_SEARCH, CAP_SYS_ADMIN, FS_APPEND_FL, FS_IMMUTABLE_FL } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { capable } from '../syscalls/privilege.js'

type MarkName =
  | 'opaque'
  | 'redirect'
  | 'metacopy'
  | 'origin'
  | 'impure'
  | 'nlink'
  | 'whiteout'
  | 'upper'
  | 'protattr'
  | 'stratafs.ino'
  | 'stratafs.snapshot'

/** The marks of one file or directory. */
export interface Marks {
  readonly opaque: boolean
  /** opaque=x: whiteouts in here may be written as xattrs. */
  readonly xattrWhiteouts: boolean
  readonly redirect: string | null
  readonly metacopy: boolean
  /** The metacopy carries a digest of its content. */
  readonly digest: boolean
  readonly origin: Uint8Array | null
  readonly impure: boolean
  readonly nlink: string | null
  /** FS_IMMUTABLE_FL and FS_APPEND_FL as `protattr` has them; null: no such mark. */
  readonly protection: number | null
  /** Our own: the inode number to keep, where no origin can be written. */
  readonly inode: number | null
}

export const noMarks: Marks = {
  opaque: false,
  xattrWhiteouts: false,
  redirect: null,
  metacopy: false,
  digest: false,
  origin: null,
  impure: false,
  nlink: null,
  protection: null,
  inode: null,
}

/** Bytes of a metacopy mark before its digest; also without them it is one. As struct ovl_metacopy. */
const METACOPY_HEADER = 4

const FUSE_OVERLAYFS_OPAQUE = 'user.fuseoverlayfs.opaque'
const FUSE_OVERLAYFS_ORIGIN = 'user.fuseoverlayfs.origin'

export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'latin1')
}

export const TRUSTED_MARKS = 'trusted.overlay.'
export const USER_MARKS = 'user.overlay.'

/**
 * The prefix of marks where no upper decides it; `userxattr` as in the mount's options, null where nothing was said.
 */
export function defaultPrefix(userxattr: boolean | null): string {
  const trusted = userxattr === null ? capable(CAP_SYS_ADMIN) : !userxattr
  return trusted ? TRUSTED_MARKS : USER_MARKS
}

/**
 * Whether redirects are followed where no mount says it. Those of users lead only where their reader may go anyway: not
 * for one who can read what those who made them cannot.
 */
export function redirectsOffline(prefix: string): 'on' | 'nofollow' {
  return prefix === USER_MARKS && capable(CAP_DAC_READ_SEARCH) ? 'nofollow' : 'on'
}

export class MarkStore {
  /** `TRUSTED_MARKS` or `USER_MARKS`. */
  constructor(readonly prefix: string) {}

  /** The marks at (fd, name), none where the filesystem has no xattrs; or -errno. */
  read(fd: number, name: string): Marks | number {
    const names = native.listxattr(fd, name)
    if (typeof names === 'number') return isAbsence(names) ? noMarks : names
    let marks: { -readonly [K in keyof Marks]: Marks[K] } | null = null
    for (const full of names) {
      if (!full.startsWith(this.prefix) && full !== FUSE_OVERLAYFS_OPAQUE) continue
      const value = native.getxattr(fd, name, full)
      if (typeof value === 'number') {
        if (isAbsence(value)) continue
        return value
      }
      marks ??= { ...noMarks }
      applyMark(marks, full === FUSE_OVERLAYFS_OPAQUE ? 'opaque' : full.slice(this.prefix.length), value)
    }
    return marks ?? noMarks
  }

  get(fd: number, name: string, mark: MarkName): Uint8Array | number {
    return native.getxattr(fd, name, this.prefix + mark)
  }

  set(fd: number, name: string, mark: MarkName, value: string | Uint8Array): number {
    const bytes = typeof value === 'string' ? bytesOf(value) : value
    return native.setxattr(fd, name, this.prefix + mark, bytes, 0)
  }

  remove(fd: number, name: string, mark: MarkName): number {
    return native.removexattr(fd, name, this.prefix + mark)
  }

  /** How a user's attribute is stored: `overlay.x` one level deeper, anything else as it is. */
  stored(attribute: string): string {
    return attribute.startsWith(this.prefix)
      ? `${this.prefix}overlay.${attribute.slice(this.prefix.length)}`
      : attribute
  }

  /**
   * How a stored attribute is shown; null when it is the union's own. As ovl_is_own_xattr() and ovl_is_escaped_xattr().
   */
  shown(attribute: string): string | null {
    if (isForeign(attribute)) return null
    if (!attribute.startsWith(this.prefix)) return attribute
    const rest = attribute.slice(this.prefix.length)
    return rest.startsWith('overlay.') ? this.prefix + rest.slice('overlay.'.length) : null
  }
}

/** Whether an error says that there is no such mark to be had, not that the disk failed. */
function isAbsence(errno: number): boolean {
  const e = -errno
  return e === Errno.EOPNOTSUPP || e === Errno.ENODATA || e === Errno.EPERM || e === Errno.EACCES
}

/** fuse-overlayfs's own marks: copied up, its opaque would hide the very directory that it stands on. */
export function isForeign(attribute: string): boolean {
  return attribute === FUSE_OVERLAYFS_OPAQUE || attribute === FUSE_OVERLAYFS_ORIGIN
}

function applyMark(marks: { -readonly [K in keyof Marks]: Marks[K] }, mark: string, value: Uint8Array): void {
  if (mark === 'opaque') {
    marks.opaque = marks.opaque || value[0] === 0x79
    marks.xattrWhiteouts = value[0] === 0x78
  } else if (mark === 'redirect') marks.redirect = validRedirect(latin1(value))
  else if (mark === 'metacopy') {
    marks.metacopy = true
    marks.digest = value.length > METACOPY_HEADER
  } else if (mark === 'origin') marks.origin = value
  else if (mark === 'impure') marks.impure = value[0] === 0x79
  else if (mark === 'nlink') marks.nlink = latin1(value)
  else if (mark === 'protattr') marks.protection = protectionBits(value)
  else if (mark === 'stratafs.ino') marks.inode = Number(latin1(value)) || null
}

/** Letters of `protattr` up to the first that is unknown, as ovl_check_protattr() reads them. */
function protectionBits(value: Uint8Array): number {
  let bits = 0
  for (const letter of latin1(value)) {
    if (letter === 'a') bits |= FS_APPEND_FL
    else if (letter === 'i') bits |= FS_IMMUTABLE_FL
    else break
  }
  return bits
}

/**
 * An absolute path without empty, `.` or `..` components, or one bare name; null otherwise. As
 * ovl_get_redirect_xattr().
 */
export function validRedirect(redirect: string): string | null {
  const parts = redirect.startsWith('/') ? redirect.slice(1).split('/') : [redirect]
  for (const part of parts) if (part === '' || part === '.' || part === '..' || part.includes('/')) return null
  return redirect
}
