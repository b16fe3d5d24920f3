/**
 * The extended attributes of a file as the merged tree shows them: not the union's own marks, nested ones less one
 * level, not what stands for an owner, and ids in ACLs as the mount maps them. Labels that the host's security module
 * gives are the host's, not the tree's.
 */

import { Errno } from '../../base/errno.js'
import { errnoWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import { mapAcl } from '../../layers/acl.js'
import { sameBytes } from '../../layers/file-handle.js'
import type { LayerDir } from '../../layers/layer-dir.js'
import { type LayerStack, pathOf } from '../../stack/layer-stack.js'
import { native } from '../../syscalls/native.js'
import { byName } from './names.js'

export type Xattr = readonly [name: string, value: Uint8Array]

const NONE: readonly Xattr[] = []
const ACL = 'system.posix_acl_'
/** Given by the host: SELinux's, and what IMA and EVM sign. */
const HOSTS_OWN = new Set(['security.selinux', 'security.ima', 'security.evm'])

/** The attributes of `name` in `dir`, sorted by name. Throws StratafsError. */
export function xattrsOf(stack: LayerStack, dir: LayerDir, name: string): readonly Xattr[] {
  const fd = stack.fd(dir)
  const stored = native.listxattr(fd, name)
  if (typeof stored === 'number') {
    if (stored === -Errno.EOPNOTSUPP) return NONE
    throw new StratafsError(`${shown(pathOf(dir, name))}: attributes cannot be read: ${errnoWords(stored)}`)
  }
  if (stored.length === 0) return NONE
  const attributes: Xattr[] = []
  for (const own of stored) {
    const as = own === dir.layer.override || HOSTS_OWN.has(own) ? null : stack.marks.shown(own)
    const value = as === null ? null : native.getxattr(fd, name, own)
    if (value instanceof Uint8Array) attributes.push([as!, shownValue(stack, own, value)])
  }
  return attributes.sort((a, b) => byName(a[0], b[0]))
}

function shownValue(stack: LayerStack, name: string, value: Uint8Array): Uint8Array {
  return name.startsWith(ACL) ? mapAcl(value, stack.config.uids, stack.config.gids, 'shown') : value
}

export function sameXattrs(a: readonly Xattr[], b: readonly Xattr[]): boolean {
  return a.length === b.length && a.every(([name, value], i) => name === b[i]![0] && sameBytes(value, b[i]![1]))
}
