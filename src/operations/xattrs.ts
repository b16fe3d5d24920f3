/**
 * Extended attributes. Of the user's, the union's own marks are hidden, and names that look like them are stored one
 * level deeper. The ids of POSIX ACLs go through the mappings. Virtual ones say where a file comes from.
 */
import { Errno } from '../base/errno.js'
import { mapAcl } from '../layers/acl.js'
import type { Layer } from '../layers/layer-dir.js'
import { isForeign } from '../layers/marks.js'
import { isOverride } from '../layers/override-trust.js'
import { S_ISGID, XATTR_CAPABILITY, XATTR_CREATE } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { Stat } from '../syscalls/stat.js'
import { layerOf } from '../union/context/attributes.js'
import { checkChange } from '../union/context/protection.js'
import { locate, topDir, type Union } from '../union/context/union.js'
import { copyUp } from '../union/copy-up/copy-up.js'
import { copyUpForChange } from '../union/copy-up/fill-and-write.js'
import { invalidateIfSplit } from '../union/data/backing.js'
import type { Node } from '../union/nodes/node.js'
import { Intent } from '../union/state/journal.js'
import { nodeOf } from './directory-of.js'
import { layerName } from './layer-name.js'

const VIRTUAL = 'user.stratafs.'
const ACL = 'system.posix_acl_'

export function getxattr(u: Union, nodeid: number, attribute: string): Uint8Array | number {
  const node = nodeOf(u, nodeid)
  if (typeof node === 'number') return node
  if (attribute === XATTR_CAPABILITY) return capabilitiesOf(u, node)
  if (attribute.startsWith(VIRTUAL)) return virtual(u, node, attribute.slice(VIRTUAL.length))
  if (isHidden(u, attribute) || (attribute.startsWith(ACL) && !u.config.acl)) return hiddenAnswer(attribute)
  if (node.isBare && isKnownAbsent(node, attribute)) return -Errno.ENODATA
  const fd = locate(u, node)
  if (fd < 0) return fd
  const value = native.getxattr(fd, u.locatedName, u.marks.stored(attribute))
  if (node.isBare && value === -Errno.ENODATA) noteAbsent(node, attribute)
  if (typeof value === 'number' || !attribute.startsWith(ACL) || layerOf(node)?.idmapped) return value
  return mapAcl(value, u.uids, u.gids, 'shown')
}

/**
 * Of each layer the kinds of attribute that a file without any was asked for, and answered ENODATA: another file
 * without any is not asked. A kind is what may be answered otherwise: a filesystem knows some namespaces only, and
 * ACLs of some types of file only.
 */
const absent = new WeakMap<Layer, Set<string>>()

function isKnownAbsent(node: Node, attribute: string): boolean {
  return absent.get(layerOf(node)!)?.has(kindOf(node, attribute)) ?? false
}

function noteAbsent(node: Node, attribute: string): void {
  // A program may ask for any number of names in other namespaces.
  if (!SIMPLE.some((namespace) => attribute.startsWith(namespace)) && !attribute.startsWith(ACL)) return
  const layer = layerOf(node)!
  const kinds = absent.get(layer) ?? new Set()
  absent.set(layer, kinds.add(kindOf(node, attribute)))
}

function kindOf(node: Node, attribute: string): string {
  const namespace = attribute.slice(0, attribute.indexOf('.') + 1)
  return `${node.type} ${SIMPLE.includes(namespace) ? namespace : attribute}`
}

/** Those in which every name is answered alike. */
const SIMPLE = ['user.', 'trusted.', 'security.']

/** Asked before every write and change of owner, nearly always in vain. */
function capabilitiesOf(u: Union, node: Node): Uint8Array | number {
  if (node.withoutCapabilities || node.isBare) return -Errno.ENODATA
  const fd = locate(u, node)
  if (fd < 0) return fd
  const value = native.getxattr(fd, u.locatedName, XATTR_CAPABILITY)
  node.withoutCapabilities = value === -Errno.ENODATA
  return value
}

function hiddenAnswer(attribute: string): number {
  return attribute.startsWith(ACL) ? -Errno.EOPNOTSUPP : -Errno.ENODATA
}

function isHidden(u: Union, attribute: string): boolean {
  return isForeign(attribute) || (isOverride(attribute) && u.config.xattrPermissions !== 0)
}

/** `layer`: the root of the layer that owns the file; `layer.name`: its name; `realpath`: the file itself there. */
function virtual(u: Union, node: Node, what: string): Uint8Array | number {
  const layer = layerOf(node)
  if (layer === null) return -Errno.ENODATA
  if (what === 'layer') return Buffer.from(layer.path, 'latin1')
  if (what === 'layer.name') return Buffer.from(layerName(u, layer), 'latin1')
  if (what !== 'realpath') return -Errno.ENODATA
  return Buffer.from(realPath(node), 'latin1')
}

/** The absolute path of what `node` shows, in its layer. */
function realPath(node: Node): string {
  const layer = layerOf(node)!
  const inside = node.dir !== null ? topDir(node).path() : joined(node.inodeDir!.path(), node.inodeName)
  return inside === '' ? layer.path : `${layer.path === '/' ? '' : layer.path}/${inside}`
}

function joined(dir: string, name: string): string {
  return dir === '' ? name : `${dir}/${name}`
}

export function setxattr(
  u: Union,
  nodeid: number,
  attribute: string,
  value: Uint8Array,
  flags: number,
  killSgid: boolean,
): number {
  const node = writableNode(u, nodeid, attribute)
  if (typeof node === 'number') return node
  const fd = locate(u, node)
  if (fd < 0) return fd
  const name = u.locatedName
  node.withoutCapabilities = false
  intendCreation(u, u.marks.stored(attribute), flags, fd, name)
  const stored = attribute.startsWith(ACL) ? mapAcl(value, u.uids, u.gids, 'stored') : value
  const errno = native.setxattr(fd, name, u.marks.stored(attribute), stored, flags)
  return errno >= 0 && killSgid ? clearSetgid(fd, name) : errno
}

/** Of an attribute that must not be there yet: were this done once more, it would be. */
function intendCreation(u: Union, stored: string, flags: number, fd: number, name: string): void {
  if (u.nodes.ledger === null || (flags & XATTR_CREATE) === 0) return
  if (native.getxattr(fd, name, stored) !== -Errno.ENODATA) return
  u.nodes.ledger.journal.intendXattr(Intent.SET_XATTR)
}

export function removexattr(u: Union, nodeid: number, attribute: string): number {
  const present = getxattr(u, nodeid, attribute)
  if (typeof present === 'number' && present === -Errno.ENODATA) return present
  const node = writableNode(u, nodeid, attribute)
  if (typeof node === 'number') return node
  u.nodes.ledger?.journal.intendXattr(Intent.REMOVE_XATTR)
  const fd = locate(u, node)
  return fd < 0 ? fd : native.removexattr(fd, u.locatedName, u.marks.stored(attribute))
}

/** The node, copied up, or why `attribute` may not be changed. */
function writableNode(u: Union, nodeid: number, attribute: string): Node | number {
  const node = nodeOf(u, nodeid)
  if (typeof node === 'number') return node
  if (attribute.startsWith(VIRTUAL) || isOverride(attribute) || isHidden(u, attribute)) return -Errno.EPERM
  if (attribute.startsWith(ACL) && !u.config.acl) return -Errno.EOPNOTSUPP
  const kept = checkChange(node)
  // A write clears capabilities, the copier's too: they are set on what is whole.
  const bring = attribute === XATTR_CAPABILITY ? copyUp : copyUpForChange
  const errno = kept < 0 ? kept : bring(u, node, -1, true)
  if (errno < 0) return errno
  invalidateIfSplit(u, node)
  return node
}

function clearSetgid(fd: number, name: string): number {
  const errno = native.statat(fd, name)
  if (errno < 0) return errno
  const mode = native.stat[Stat.MODE]! & 0o7777
  return (mode & S_ISGID) === 0 ? 0 : native.chmodat(fd, name, mode & ~S_ISGID)
}

export function listxattr(u: Union, nodeid: number, uid: number): string[] | number {
  const node = nodeOf(u, nodeid)
  if (typeof node === 'number') return node
  if (node.isBare) return []
  const fd = locate(u, node)
  if (fd < 0) return fd
  const names = native.listxattr(fd, u.locatedName)
  if (typeof names === 'number') return names
  if (names.length === 0) node.foundBare()
  const shown: string[] = []
  for (const stored of names) {
    const name = u.marks.shown(stored)
    if (name === null || isHidden(u, name) || (name.startsWith(ACL) && !u.config.acl)) continue
    if (uid !== 0 && name.startsWith('trusted.')) continue
    shown.push(name)
  }
  return shown
}
