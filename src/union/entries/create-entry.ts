/**
 * Giving names to new things in a directory of the upper. Where nothing stands in the way the new inode is made in
 * place, as the caller: owner, SGID inheritance, default ACLs and umask are then the filesystem's own doing. Over a
 * whiteout it is built in the workdir and moved there in one rename. A directory is marked opaque before that, so that
 * what the whiteout hid never shows. As ovl_create_upper() and ovl_create_over_whiteout() in fs/overlayfs/dir.c.
 */
import { Errno } from '../../base/errno.js'
import { formatOverride, storedId } from '../../layers/id-mapping.js'
import { AUFS_PREFIX } from '../../layers/whiteouts.js'
import { AT_REMOVEDIR, O_DIRECTORY, O_PATH, RENAME_EXCHANGE, S_IFMT, S_ISGID } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'
import type { Union } from '../context/union.js'
import { copyUp } from '../copy-up/copy-up.js'
import type { Node } from '../nodes/node.js'
import { markOpaque } from './opaque.js'

interface Identity {
  readonly uid: number
  readonly gid: number
  readonly umask: number
}

/** What is to be made: called with where; >= 0 (a descriptor, for a file that is opened at once) or -errno. */
export type Make = (fd: number, name: string) => number

const DEFAULT_ACL = 'system.posix_acl_default'

/** 0, or why no entry `name` can be made: too long, or in the spelling that means a whiteout. */
export function checkName(name: string): number {
  if (name.length > 255) return -Errno.ENAMETOOLONG
  return name.startsWith(AUFS_PREFIX) ? -Errno.EINVAL : 0
}

/** Runs `act` as the caller, as far as this process may: what it creates belongs to them. */
export function asCaller<T>(u: Union, caller: Identity, act: () => T): T {
  const ids = u.writable!.capabilities.changeIds && u.config.xattrPermissions === 0
  const uid = ids ? storedId(u.uids, caller.uid) : u.ownUid
  const gid = ids ? storedId(u.gids, caller.gid) : u.ownGid
  native.become(uid, gid, caller.umask)
  const result = act()
  native.become(u.ownUid, u.ownGid, 0)
  return result
}

/**
 * Makes `name` in `parent` (copied up first), which does not show such a name; the result of `make`, or -errno.
 * `isDirectory`: the new thing is one.
 */
export function createUpper(
  u: Union,
  caller: Identity,
  parent: Node,
  name: string,
  isDirectory: boolean,
  make: Make,
): number {
  const errno = copyUp(u, parent)
  if (errno < 0) return errno
  if (parent.removed) return -Errno.ENOENT
  const dir = parent.dir!
  const fd = u.cache.fd(dir.upper!)
  if (fd < 0) return fd
  const made = asCaller(u, caller, () => make(fd, name))
  if (made === -Errno.EEXIST) return createOverWhiteout(u, caller, parent, name, isDirectory, make)
  if (made < 0) return made
  // Nothing below may show through a new directory.
  if (isDirectory && dir.lowers.length > 0 && u.writable!.capabilities.xattrs) markOpaque(u, fd, name)
  if (dir.upper!.aufs === 'marked' && !isDirectory) u.whiteouts.remove(dir.upper!, name)
  return made
}

function createOverWhiteout(
  u: Union,
  caller: Identity,
  parent: Node,
  name: string,
  isDirectory: boolean,
  make: Make,
): number {
  const upper = parent.dir!.upper!
  const fd = u.cache.fd(upper)
  const found = native.statat(fd, name)
  if (found < 0) return found
  if (!u.whiteouts.isWhiteout(upper, fd, name)) return -Errno.EEXIST
  const work = u.writable!.work
  const staging = makeStagingDirectory(u, fd)
  if (staging.fd < 0) return staging.fd
  const temporary = work.temporary()
  let made = asCaller(u, caller, () => make(staging.fd, temporary))
  if (made >= 0 && isDirectory) {
    const errno = markOpaque(u, staging.fd, temporary)
    if (errno < 0) made = errno
  }
  if (made >= 0) made = replaceWhiteout(staging.fd, temporary, fd, name, isDirectory, made)
  if (made < 0) native.unlinkat(staging.fd, temporary, isDirectory ? AT_REMOVEDIR : 0)
  dropStagingDirectory(u, staging)
  return made
}

/** Moves (from, temporary) over the whiteout (to, name); returns `made`, or -errno. */
function replaceWhiteout(
  from: number,
  temporary: string,
  to: number,
  name: string,
  swap: boolean,
  made: number,
): number {
  const errno = native.renameat(from, temporary, to, name, swap ? RENAME_EXCHANGE : 0)
  if (errno >= 0 && swap) native.unlinkat(from, temporary, 0)
  if (errno < 0 && made > 0) native.close(made)
  return errno < 0 ? errno : made
}

interface Stage {
  readonly fd: number
  readonly name: string
}

/**
 * Where to build something that will stand in the directory `fd`: the workdir, or, where that directory hands down its
 * group or a default ACL, a directory in the workdir that does the same.
 */
function makeStagingDirectory(u: Union, fd: number): Stage {
  const work = u.writable!.work
  const known = native.statat(fd, '')
  if (known < 0) return { fd: known, name: '' }
  const mode = native.stat[Stat.MODE]!
  const gid = native.stat[Stat.GID]!
  const acl = u.config.acl ? native.getxattr(fd, '', DEFAULT_ACL) : -Errno.EOPNOTSUPP
  if (typeof acl === 'number' && acl !== -Errno.ENODATA && acl !== -Errno.EOPNOTSUPP) return { fd: acl, name: '' }
  if ((mode & S_ISGID) === 0 && typeof acl === 'number') return { fd: work.fd, name: '' }
  const name = work.temporary()
  const errno = native.mkdirat(work.fd, name, 0o700)
  if (errno < 0) return { fd: errno, name: '' }
  const staged = native.openat(work.fd, name, O_PATH | O_DIRECTORY, 0)
  const dressed = staged < 0 ? staged : setStagingAttributes(staged, mode, gid, acl)
  if (dressed >= 0) return { fd: staged, name }
  if (staged >= 0) native.close(staged)
  work.discard(name)
  return { fd: dressed, name: '' }
}

function setStagingAttributes(fd: number, mode: number, gid: number, acl: Uint8Array | number): number {
  let errno = native.chownat(fd, '', -1, gid)
  // An ordinary user who is not of the group cannot hand it down.
  if (errno === -Errno.EPERM) errno = 0
  if (errno >= 0) errno = native.chmodat(fd, '', 0o777 | (mode & S_ISGID))
  if (errno >= 0 && typeof acl !== 'number') errno = native.setxattr(fd, '', DEFAULT_ACL, acl, 0)
  return errno
}

function dropStagingDirectory(u: Union, staging: Stage): void {
  if (staging.name === '') return
  native.close(staging.fd)
  native.unlinkat(u.writable!.work.fd, staging.name, AT_REMOVEDIR)
}

/** With xattr_permissions, the owner and mode a new file is shown with; the disk holds what the daemon may write. */
export function writeOverride(u: Union, fd: number, name: string, caller: Identity, mode: number): void {
  const attribute = u.writable!.layer.override
  if (attribute === null) return
  const text = formatOverride({
    uid: storedId(u.uids, caller.uid),
    gid: storedId(u.gids, caller.gid),
    mode: mode & 0o7777,
    type: mode & S_IFMT,
    major: 0,
    minor: 0,
  })
  native.setxattr(fd, name, attribute, Buffer.from(text, 'latin1'), 0)
}
