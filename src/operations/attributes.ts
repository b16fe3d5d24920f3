/**
 * getattr and setattr. Each change is made on the upper inode, in the order of the kernel's own filesystems: size,
 * owner, mode, times. So what one clears (setuid on chown or truncate) the next one still sets.
 */

import { Errno } from '../base/errno.js'
import { isOfGroup } from '../layers/caller-groups.js'
import { formatOverride, storedId } from '../layers/id-mapping.js'
import { trusts } from '../layers/override-trust.js'
import { S_IFLNK, S_IFMT, S_IFREG, S_ISGID, S_ISUID, S_SETID, UTIME_NOW, UTIME_OMIT } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { isMachineRoot } from '../syscalls/privilege.js'
import { Stat } from '../syscalls/stat.js'
import { readAttr, readOverride } from '../union/context/attributes.js'
import { notifyIndexOfNode } from '../union/context/index-updates.js'
import { checkImmutable } from '../union/context/protection.js'
import { locate, statNode, type Union } from '../union/context/union.js'
import { copyUp } from '../union/copy-up/copy-up.js'
import { copyUpForChange } from '../union/copy-up/fill-and-write.js'
import { invalidateIfSplit } from '../union/data/backing.js'
import type { Filling } from '../union/nodes/filling.js'
import type { Node } from '../union/nodes/node.js'
import type { SetAttr } from './contract.js'
import { nodeOf } from './directory-of.js'

const OTHERS_WRITE = 0o022
const GROUP_EXECUTE = 0o010

export function getattr(u: Union, nodeid: number): number {
  const node = nodeOf(u, nodeid)
  return typeof node === 'number' ? node : attrOf(u, node, nodeid)
}

/**
 * The attributes of `node` for who knows it as `nodeid`; an old nodeid learns of no change, so it has to ask each time.
 */
function attrOf(u: Union, node: Node, nodeid: number): number {
  const errno = readAttr(u, node)
  if (node.id !== nodeid) u.attr.lasting = false
  return errno
}

export function setattr(u: Union, nodeid: number, changes: SetAttr): number {
  const node = nodeOf(u, nodeid)
  if (typeof node === 'number') return node
  const size = changes.size
  if (size !== undefined && node.type !== S_IFREG) return node.dir !== null ? -Errno.EISDIR : -Errno.EINVAL
  if (isTimeFlush(u, node, changes)) return readAttr(u, node)
  const kept = checkProtected(u, node, changes)
  if (kept < 0) return kept
  const up = copyUpFor(u, node, changes)
  if (up < 0) return up
  const errno = applyAll(u, node, changes)
  if (node.filling !== null) keepTimes(node.filling, changes)
  notifyIndexOfNode(u, node)
  invalidateIfSplit(u, node)
  return errno < 0 ? errno : attrOf(u, node, nodeid)
}

/** A write clears set-id bits, the copier's too: they are set on what is whole. */
function copyUpFor(u: Union, node: Node, { mode, size }: SetAttr): number {
  if (mode !== undefined && (mode & S_SETID) !== 0 && node.filling !== null) return copyUp(u, node)
  return copyUpForChange(u, node, size ?? -1, size === undefined)
}

/** The time that was set is the file's, whatever the copier does. */
function keepTimes({ target }: Filling, { mtime, mtimeNs, mtimeNow }: SetAttr): void {
  if (mtimeNow) native.fillTouch(target, 0, UTIME_NOW)
  else if (mtime !== undefined) native.fillTouch(target, mtime, mtimeNs ?? 0)
}

/**
 * Where the kernel gathers writes, it keeps the times of regular files itself and hands them over now and then, also
 * after an unlink. A lower file is not copied up for that.
 */
function isTimeFlush(u: Union, node: Node, changes: SetAttr): boolean {
  if (!u.data.writeback || node.isUpper || node.type !== S_IFREG) return false
  const others = { ...changes, mtime: undefined, mtimeNs: undefined }
  if (changes.mtime === undefined || Object.values(others).some((value) => value !== undefined)) return false
  if (statNode(u, node) < 0) return false
  return native.stat[Stat.MTIME] === changes.mtime && native.stat[Stat.MTIME_NS] === (changes.mtimeNs ?? 0)
}

/**
 * As may_setattr() in fs/attr.c; times alone that the kernel gathered while it was written are no change by anybody.
 */
function checkProtected(u: Union, node: Node, changes: SetAttr): number {
  if (node.protection === 0) return 0
  const { mode, uid, gid, size, atime, mtime } = changes
  const owns = mode !== undefined || uid !== undefined || gid !== undefined || size !== undefined
  if (owns || atime !== undefined) return -Errno.EPERM
  // Told in full, though it is now, where the kernel gathers writes.
  if (mtime !== undefined && !u.data.writeback) return -Errno.EPERM
  return changes.atimeNow || changes.mtimeNow ? checkImmutable(node) : 0
}

function applyAll(u: Union, node: Node, changes: SetAttr): number {
  const fd = locate(u, node)
  if (fd < 0) return fd
  const name = u.locatedName
  let errno = 0
  if (changes.size !== undefined) errno = setSize(node, fd, name, changes.size)
  const owned = changes.uid !== undefined || changes.gid !== undefined
  // chown(2) of what is no directory clears the same by itself (chown_common() in fs/open.c).
  if (errno >= 0 && changes.killSuidGid && (!owned || overrideOf(u) !== null)) errno = killSetid(u, fd, name, changes)
  if (errno >= 0 && owned) errno = setOwner(u, node, fd, name, changes)
  if (errno >= 0 && changes.mode !== undefined) errno = setMode(u, node, fd, name, changes.mode)
  if (errno >= 0) errno = setGivenTimes(fd, name, changes)
  return errno
}

function setSize(node: Node, fd: number, name: string, size: number): number {
  return node.contentFd >= 0 && node.dataWritable
    ? native.ftruncate(node.contentFd, size)
    : native.truncateat(fd, name, size)
}

/**
 * What a write by somebody without CAP_FSETID clears: setuid, and setgid where the group may execute, or is not the
 * writer's.
 */
function killSetid(u: Union, fd: number, name: string, { killSetgid, writer }: SetAttr): number {
  const errno = native.statat(fd, name)
  if (errno < 0) return errno
  const mode = native.stat[Stat.MODE]!
  if ((mode & S_IFMT) !== S_IFREG) return 0
  const drops = () =>
    (mode & GROUP_EXECUTE) !== 0 ||
    killSetgid ||
    (writer !== undefined && !isOfGroup(u.gids, writer, native.stat[Stat.GID]!))
  const kill = (mode & S_ISUID) | ((mode & S_ISGID) !== 0 && drops() ? S_ISGID : 0)
  return kill === 0 ? 0 : native.chmodat(fd, name, mode & 0o7777 & ~kill)
}

function setOwner(u: Union, node: Node, fd: number, name: string, changes: SetAttr): number {
  const override = overrideOf(u)
  if (override !== null) return changeOverride(u, node, override, changes)
  const uid = changes.uid === undefined ? -1 : storedId(u.uids, changes.uid)
  const gid = changes.gid === undefined ? -1 : storedId(u.gids, changes.gid)
  return native.chownat(fd, name, uid, gid)
}

function setMode(u: Union, node: Node, fd: number, name: string, mode: number): number {
  const override = overrideOf(u)
  if (override !== null) return changeOverride(u, node, override, { mode })
  if (node.type === S_IFLNK) return -Errno.EOPNOTSUPP
  return native.chmodat(fd, name, mode & 0o7777)
}

function overrideOf(u: Union): string | null {
  return u.config.xattrPermissions === 0 ? null : u.writable!.layer.override
}

/** With xattr_permissions, owner and mode are what an xattr says. */
function changeOverride(u: Union, node: Node, attribute: string, changes: SetAttr): number {
  const errno = statNode(u, node)
  if (errno < 0) return errno
  const stat = native.stat.slice()
  const now = trusts(attribute, stat) ? readOverride(u, node, attribute) : null
  const type = stat[Stat.MODE]! & S_IFMT
  const base = now ?? {
    uid: stat[Stat.UID]!,
    gid: stat[Stat.GID]!,
    mode: stat[Stat.MODE]! & 0o7777,
    type,
    major: 0,
    minor: 0,
  }
  const text = formatOverride({
    ...base,
    uid: changes.uid === undefined ? base.uid : storedId(u.uids, changes.uid),
    gid: changes.gid === undefined ? base.gid : storedId(u.gids, changes.gid),
    mode: changes.mode === undefined ? base.mode : changes.mode & 0o7777,
  })
  const fd = locate(u, node)
  const kept = keepToUs(u, fd, u.locatedName, stat)
  return kept < 0 ? kept : native.setxattr(fd, u.locatedName, attribute, Buffer.from(text, 'latin1'), 0)
}

/**
 * What an override stands on belongs to this process alone, or the override would not be believed
 * (layers/override-trust).
 */
function keepToUs(u: Union, fd: number, name: string, stat: Float64Array): number {
  const uid = stat[Stat.UID]!
  const foreign = uid !== 0 && uid !== u.ownUid && u.writable!.capabilities.changeIds && isMachineRoot()
  const errno = foreign ? native.chownat(fd, name, u.ownUid, u.ownGid) : 0
  const mode = stat[Stat.MODE]!
  if (errno < 0 || (mode & S_IFMT) === S_IFLNK || (mode & OTHERS_WRITE) === 0) return errno
  return native.chmodat(fd, name, mode & 0o7777 & ~OTHERS_WRITE)
}

function setGivenTimes(fd: number, name: string, changes: SetAttr): number {
  const atimeNs = changes.atimeNow ? UTIME_NOW : changes.atime === undefined ? UTIME_OMIT : (changes.atimeNs ?? 0)
  const mtimeNs = changes.mtimeNow ? UTIME_NOW : changes.mtime === undefined ? UTIME_OMIT : (changes.mtimeNs ?? 0)
  if (atimeNs === UTIME_OMIT && mtimeNs === UTIME_OMIT) return 0
  return native.utimensat(fd, name, changes.atime ?? 0, atimeNs, changes.mtime ?? 0, mtimeNs)
}
