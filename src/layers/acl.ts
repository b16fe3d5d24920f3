/**
 * POSIX ACLs name users and groups by id, so with a mapping those ids must be mapped like a file's owner. Pure.
 * posix_acl_xattr_header: u32 version @0 · then entries of u16 tag @0 · u16 perm @2 · u32 id @4
 * (include/uapi/linux/posix_acl_xattr.h).
 */
import { type IdMapping, shownId, storedId } from './id-mapping.js'

const HEADER = 4
const ENTRY = 8
const TAG_USER = 0x02
const TAG_GROUP = 0x08

/** The ACL with its ids as the mount shows them, or as the disk holds them. */
export function mapAcl(value: Uint8Array, uids: IdMapping, gids: IdMapping, to: 'shown' | 'stored'): Uint8Array {
  if (uids.ranges.length === 0 && gids.ranges.length === 0) return value
  const copy = value.slice()
  const view = new DataView(copy.buffer, copy.byteOffset, copy.byteLength)
  const map = to === 'shown' ? shownId : storedId
  for (let at = HEADER; at + ENTRY <= copy.length; at += ENTRY) {
    const tag = view.getUint16(at, true)
    const rules = tag === TAG_USER ? uids : tag === TAG_GROUP ? gids : null
    if (rules !== null) view.setUint32(at + 4, map(rules, view.getUint32(at + 4, true)), true)
  }
  return copy
}
