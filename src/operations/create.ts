/**
 * New inodes: mknod, mkdir, symlink, create (and open), tmpfile.
 */

import { Errno } from '../base/errno.js'
import { LayerDir } from '../layers/layer-dir.js'
import {
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDWR,
  O_TMPFILE,
  O_TRUNC,
  S_IFCHR,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_PERMISSIONS,
} from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { fillAttr, readAttr } from '../union/context/attributes.js'
import { notifyIndex } from '../union/context/index-updates.js'
import { checkImmutable } from '../union/context/protection.js'
import type { Union } from '../union/context/union.js'
import { copyUp } from '../union/copy-up/copy-up.js'
import { noteMappable } from '../union/data/backing.js'
import { keepContentFd } from '../union/data/content-fd.js'
import { asCaller, checkName, createUpper, type Make, writeOverride } from '../union/entries/create-entry.js'
import { addLookup, childOf, placeFile } from '../union/lookup/lookup.js'
import { keepTold, listingAdd } from '../union/lookup/merged-directory.js'
import { addName, DirState, type Node } from '../union/nodes/node.js'
import type { Caller } from './contract.js'
import { directoryOf } from './directory-of.js'
import { answerOpen, mayMap, open } from './open.js'

/** With xattr_permissions the disk holds files the daemon can always use. */
const OVERRIDDEN_MODE = 0o700

/** Makes `name` by `make` and answers with its node. */
function make(u: Union, caller: Caller, parentId: number, name: string, mode: number, act: Make): number {
  const parent = directoryOf(u, parentId)
  if (typeof parent === 'number') return parent
  const node = makeNode(u, caller, parent, name, mode, act)
  return typeof node === 'number' ? node : addLookup(u, node)
}

/** The node of a new entry, `u.attr` filled; `act` returns 0 or a descriptor to serve it from. */
function makeNode(u: Union, caller: Caller, parent: Node, name: string, mode: number, act: Make): Node | number {
  const refused = checkName(name)
  if (refused < 0) return refused
  const existing = childOf(u, parent, name)
  if (typeof existing !== 'number') return -Errno.EEXIST
  if (existing < 0) return existing
  const kept = checkImmutable(parent)
  if (kept < 0) return kept
  keepTold(u, parent)
  u.nodes.ledger?.journal.intendMake(parent.id, name)
  const isDirectory = (mode & S_IFMT) === S_IFDIR
  const made = createUpper(u, caller, parent, name, isDirectory, act)
  if (made < 0) return made
  return publish(u, caller, parent, name, mode, made)
}

/** The entry is on disk: memory follows. */
function publish(u: Union, caller: Caller, parent: Node, name: string, mode: number, fd: number): Node | number {
  const upper = parent.dir!.upper!
  const at = u.cache.fd(upper)
  if (u.config.xattrPermissions !== 0) writeOverride(u, at, name, caller, mode & ~caller.umask)
  const errno = native.statat(at, name)
  if (errno < 0) {
    if (fd > 0) native.close(fd)
    return errno
  }
  u.topStat.set(native.stat)
  u.limit?.came(u.topStat)
  const type = mode & S_IFMT
  const isDirectory = type === S_IFDIR
  const dir = isDirectory ? new DirState(emptyDir(upper, name), []) : null
  const node = u.nodes.create(type, u.inodes.ofStat(u.topStat), dir)
  if (!isDirectory) placeFile(node, upper, name)
  addName(node, parent, name)
  listingAdd(parent, name, mode)
  notifyIndex(u, parent, name, true)
  fillAttr(u, node, u.topStat)
  if (fd > 0 && type === S_IFREG) keepContentFd(u, node, fd, true)
  return node
}

/** A directory just made, of which nothing has to be found out: a look into it would move its atime. */
function emptyDir(parent: LayerDir, name: string): LayerDir {
  const made = new LayerDir(parent.layer, parent, name)
  made.aufs = 'plain'
  return made
}

function diskMode(u: Union, mode: number): number {
  return u.config.xattrPermissions === 0 ? mode : (mode & S_IFMT) | OVERRIDDEN_MODE
}

export function mkdir(u: Union, caller: Caller, parent: number, name: string, mode: number): number {
  const permissions = diskMode(u, mode) & S_PERMISSIONS
  return make(u, caller, parent, name, (mode & S_PERMISSIONS) | S_IFDIR, (fd, at) =>
    native.mkdirat(fd, at, permissions),
  )
}

export function mknod(
  u: Union,
  caller: Caller,
  parent: number,
  name: string,
  mode: number,
  major: number,
  minor: number,
): number {
  const full = (mode & S_IFMT) === 0 ? mode | S_IFREG : mode
  // A device 0:0 is a whiteout; as ovl_mknod().
  if ((full & S_IFMT) === S_IFCHR && major === 0 && minor === 0) return -Errno.EPERM
  const kept = u.data.noOpen && (full & S_IFMT) === S_IFREG
  return make(
    u,
    caller,
    parent,
    name,
    full,
    kept
      ? openNew(diskMode(u, full) & S_PERMISSIONS)
      : (fd, at) => native.mknodat(fd, at, diskMode(u, full), major, minor),
  )
}

export function symlink(u: Union, caller: Caller, parent: number, name: string, target: string): number {
  return make(u, caller, parent, name, S_IFLNK | 0o777, (fd, at) => native.symlinkat(target, fd, at))
}

/** Makes a file and keeps it open. */
function openNew(permissions: number): Make {
  return (fd, at) => native.openat(fd, at, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW, permissions)
}

/** Creates and opens; where the name exists after all (and O_EXCL is absent), opens that. */
export function create(u: Union, caller: Caller, parentId: number, name: string, mode: number, flags: number): number {
  // The kernel then makes the file by MKNOD, and tells of no close.
  if (u.data.noOpen) return -Errno.ENOSYS
  const parent = directoryOf(u, parentId)
  if (typeof parent === 'number') return parent
  const full = (mode & S_PERMISSIONS) | S_IFREG
  const permissions = diskMode(u, full) & S_PERMISSIONS
  const node = makeNode(u, caller, parent, name, full, openNew(permissions))
  if (node === -Errno.EEXIST && (flags & O_EXCL) === 0) return openExisting(u, parent, name, flags)
  if (typeof node === 'number') return node
  answerOpen(u, node, true)
  if (mayMap(u, flags)) {
    noteMappable(u, node)
    u.attr.lasting = false
  }
  return addLookup(u, node)
}

export function openExisting(u: Union, parent: Node, name: string, flags: number): number {
  const node = childOf(u, parent, name)
  if (typeof node === 'number') return node === 0 ? -Errno.ENOENT : node
  const errno = open(u, node.id, flags & ~(O_CREAT | O_TRUNC))
  if (errno < 0) return errno
  const known = readAttr(u, node)
  return known < 0 ? known : addLookup(u, node)
}

/** An unnamed file in the upper part of `parent`. */
export function tmpfile(u: Union, caller: Caller, parentId: number, mode: number, flags: number): number {
  const parent = directoryOf(u, parentId)
  if (typeof parent === 'number') return parent
  const kept = checkImmutable(parent)
  const errno = kept < 0 ? kept : copyUp(u, parent)
  if (errno < 0) return errno
  if (!u.writable!.capabilities.tmpfile) return -Errno.EOPNOTSUPP
  const fd = u.cache.fd(parent.dir!.upper!)
  const permissions = diskMode(u, mode) & S_PERMISSIONS
  const file = asCaller(u, caller, () => native.openat(fd, '.', O_TMPFILE | O_RDWR | (flags & O_EXCL), permissions))
  if (file < 0) return file
  if (u.config.xattrPermissions !== 0)
    writeOverride(u, file, '', caller, (mode & S_PERMISSIONS & ~caller.umask) | S_IFREG)
  return unnamedNode(u, file)
}

function unnamedNode(u: Union, file: number): number {
  native.statat(file, '')
  u.topStat.set(native.stat)
  u.limit?.came(u.topStat)
  const node = u.nodes.create(S_IFREG, u.inodes.ofStat(u.topStat), null)
  node.inUpper = true
  node.removed = true
  node.unlinkedFd = native.openat(file, '', O_PATH, 0)
  if (node.unlinkedFd < 0) return node.unlinkedFd
  keepContentFd(u, node, file, true)
  u.nodes.ledger?.park(node, node.unlinkedFd)
  fillAttr(u, node, u.topStat)
  answerOpen(u, node, true)
  // A kernel that asks for no open tells of no close.
  if (u.data.noOpen) {
    node.opens = node.writers = 0
    u.nodes.ledger?.opened(node)
  }
  if (node.backing > 0) noteMappable(u, node)
  return addLookup(u, node)
}
