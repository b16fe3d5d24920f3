/**
 * Which owner overrides (`override_stat` attributes, layers/id-mapping.ts) are believed. Whoever may write a file can
 * set those of the `user.` class on it. So one of them counts only where the mount asks for it, and where nobody but
 * the mount's own user could have set it. Devices are never made of one, and set-id bits only where they give no power
 * away.
 */
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_SETID } from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { inInitialNamespace, isMachineRoot } from '../syscalls/privilege.js'
import { Stat } from '../syscalls/stat.js'
import { type Override, overrideNames } from './id-mapping.js'

const STICKY = 0o1000
const PRIVILEGED = 'security.'

/** fuse-overlayfs's xattr_permissions: 0 none, 1 what only root can set, 2 that of any user, too. */
export type XattrPermissions = 0 | 1 | 2

/** Whether an attribute says an owner; such ones are never set through a mount. */
export function isOverride(attribute: string): boolean {
  return (overrideNames as readonly string[]).includes(attribute)
}

/** The attribute that the layer's root shows overridden owners with, or null where there is none to be believed. */
export function findOverride(rootFd: number, permissions: XattrPermissions): string | null {
  if (permissions === 0) return null
  for (const name of overrideNames) {
    if (permissions === 1 && !name.startsWith(PRIVILEGED)) continue
    if (typeof native.getxattr(rootFd, '', name) === 'number') continue
    native.statat(rootFd, '')
    return trusts(name, native.stat) ? name : null
  }
  return null
}

let others: 'root' | 'user' | 'container' | null = null

/** Who this process is, which cannot change: the machine's root, an ordinary user, or one inside a user namespace. */
function whoWeAre(): 'root' | 'user' | 'container' {
  others ??= isMachineRoot() ? 'root' : inInitialNamespace() ? 'user' : 'container'
  return others
}

/**
 * Whether `attribute` on what `stat` describes can only have been set by root or by us. In a user namespace all ids are
 * ours.
 */
export function trusts(attribute: string, stat: Float64Array): boolean {
  const us = whoWeAre()
  if (attribute.startsWith(PRIVILEGED) || us === 'container') return true
  const mode = stat[Stat.MODE]!
  const uid = stat[Stat.UID]!
  if (uid !== 0 && uid !== process.getuid?.()) return false
  const type = mode & S_IFMT
  // Of a sticky directory only the owner can set them.
  if (type === S_IFLNK || (type === S_IFDIR && (mode & STICKY) !== 0)) return true
  return (mode & (us === 'root' ? 0o022 : 0o002)) === 0
}

/** What is left of an override: no device, and no set-id bits where `powerful`, for they would be honoured. */
export function tamed(override: Override, powerful: boolean): Override {
  const isDevice = override.type === S_IFBLK || override.type === S_IFCHR
  const strips = powerful && override.type !== S_IFDIR
  return {
    ...override,
    mode: strips ? override.mode & ~S_SETID : override.mode,
    type: isDevice ? 0 : override.type,
    major: 0,
    minor: 0,
  }
}

/** The mode with what `override` says: its permissions, and its type where neither is a directory. */
export function overriddenMode(mode: number, override: Override): number {
  const type = mode & S_IFMT
  const isOther = override.type !== 0 && override.type !== S_IFDIR && type !== S_IFDIR
  return (isOther ? override.type : type) | override.mode
}

/** Whether set-id bits that this process shows would give root's power to others. `nosuid`: the mount has them off. */
export function givesPower(nosuid: boolean): boolean {
  return whoWeAre() === 'root' && !nosuid
}
