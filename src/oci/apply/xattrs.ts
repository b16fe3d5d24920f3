/**
 * Which extended attributes an entry gets, and how they are stored in a lower directory. An attribute that looks like
 * one of the union's marks is somebody's data (an overlay inside the container): it is stored one level deeper, so that
 * it is shown again in the merged tree and never acts as a mark. Marks that have no such deeper form, and the names by
 * which the mount answers questions, are left out. Pure.
 */

import { isForeign, type MarkStore } from '../../layers/marks.js'
import { NAME_MAX } from '../../syscalls/constants.js'
import { entryFault, printable, type TarEntry } from '../tar/entry.js'
import { aclFromText } from './acl.js'

const VALUE_MAX = 65536
/** Of all names of one file together: what Linux can list. */
const LIST_MAX = 65536
/** Answered by the mount itself; nothing of that name can be stored. */
const VIRTUAL = 'user.stratafs.'
const NAMESPACES = ['user.', 'trusted.', 'security.', 'system.']

export interface StoredXattr {
  readonly name: string
  readonly value: Uint8Array
}

const NONE: readonly StoredXattr[] = []

/**
 * The attributes to set on `entry`, in the archive's order. One that Linux does not have (other systems' programs write
 * theirs) or that cannot be stored goes to `leftOut`. Throws StratafsError where one makes no sense.
 */
export function storedXattrs(
  entry: TarEntry,
  marks: MarkStore,
  leftOut: (name: string) => void,
): readonly StoredXattr[] {
  if (entry.xattrs === null && entry.acls === null) return NONE
  const stored: StoredXattr[] = []
  checkNames(entry)
  for (const [name, value] of entry.xattrs ?? []) {
    check(entry, name, value)
    if (isForeign(name) || name.startsWith(VIRTUAL) || !NAMESPACES.some((space) => name.startsWith(space))) {
      leftOut(name)
      continue
    }
    const deeper = marks.stored(name)
    if (deeper.length > NAME_MAX) throw entryFault(entry.name, `its attribute ${printable(name)} has too long a name`)
    stored.push({ name: deeper, value })
  }
  addAcl(stored, entry, 'access')
  addAcl(stored, entry, 'default')
  return stored
}

function checkNames({ name, xattrs }: TarEntry): void {
  let length = 0
  for (const each of xattrs?.keys() ?? []) length += each.length + 1
  if (length > LIST_MAX)
    throw entryFault(name, `the names of its attributes are ${length} bytes long together; ${LIST_MAX} are possible`)
}

function check(entry: TarEntry, name: string, value: Buffer): void {
  if (name === '' || name.endsWith('.') || name.includes('\0') || name.length > NAME_MAX) {
    throw entryFault(entry.name, `an extended attribute cannot be called ${printable(name)}`)
  }
  if (value.length > VALUE_MAX) {
    throw entryFault(
      entry.name,
      `its attribute ${printable(name)} is ${value.length} bytes long; ${VALUE_MAX} are possible`,
    )
  }
}

/** An ACL that came as an attribute of its own counts before its text. */
function addAcl(stored: StoredXattr[], entry: TarEntry, kind: 'access' | 'default'): void {
  const text = entry.acls?.[kind] ?? null
  const name = `system.posix_acl_${kind}`
  if (text === null || stored.some((each) => each.name === name)) return
  if (kind === 'default' && entry.type !== 'directory') return
  const value = aclFromText(text)
  if (typeof value === 'string') throw entryFault(entry.name, `its ACL cannot be read: ${printable(value)}`)
  stored.push({ name, value })
}
