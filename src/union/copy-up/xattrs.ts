/**
 * Which extended attributes come along in a copy-up: all but the union's own marks, and no capabilities from a nosuid
 * source. A POSIX ACL or a security label that cannot be kept fails the copy. Other attributes that the upper's
 * filesystem does not know are left behind, as ovl_copy_xattr() does.
 */

import { Errno } from '../../base/errno.js'
import { mapAcl } from '../../layers/acl.js'
import { XATTR_CAPABILITY } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import type { Union } from '../context/union.js'

const ACL = 'system.posix_acl_'

/**
 * Copies the attributes of (from, fromName) to (to, toName); 0 or -errno. `mapped`: the source's ids are those the
 * mount shows.
 */
export function copyXattrs(
  u: Union,
  from: number,
  fromName: string,
  to: number,
  toName: string,
  strip: boolean,
  mapped = false,
): number {
  const names = native.listxattr(from, fromName)
  if (typeof names === 'number') return names === -Errno.EOPNOTSUPP ? 0 : names
  for (const name of names) {
    if (u.marks.shown(name) === null || (strip && name === XATTR_CAPABILITY)) continue
    const value = native.getxattr(from, fromName, name)
    if (typeof value === 'number') {
      if (value === -Errno.ENODATA) continue
      return value
    }
    const stored = mapped && name.startsWith(ACL) ? mapAcl(value, u.uids, u.gids, 'stored') : value
    const errno = native.setxattr(to, toName, name, stored, 0)
    if (errno < 0 && !mayBeLost(name, errno)) return errno
  }
  return 0
}

function mayBeLost(name: string, errno: number): boolean {
  if (errno === -Errno.EOPNOTSUPP) return name !== 'system.posix_acl_access' && name !== 'system.posix_acl_default'
  // Labels are the system's to set: an ordinary user cannot carry them over.
  return errno === -Errno.EPERM && (name.startsWith('security.') || name.startsWith('trusted.'))
}
