/**
 * Sets owner, extended attributes, mode and times of what was unpacked, as far as the policy lets them. The order is
 * such that none undoes another. What cannot be kept is noted or refused, never lost in silence.
 */
import { Errno } from '../../base/errno.js'
import { formatOverride } from '../../layers/id-mapping.js'
import type { MarkStore } from '../../layers/marks.js'
import { S_IFMT, S_SETID, XATTR_CAPABILITY } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { Stat } from '../../syscalls/stat.js'
import { entryFault, printable, type TarEntry } from '../tar/entry.js'
import { kernelFault } from './faults.js'
import type { ApplyPolicy, Notes } from './policy.js'
import { type StoredXattr, storedXattrs } from './xattrs.js'

const OVERRIDE = 'user.containers.override_stat'

export class Attributes {
  constructor(
    private readonly policy: ApplyPolicy,
    private readonly marks: MarkStore,
    private readonly notes: Notes,
  ) {}

  /** The mode that it gets; a set-id bit may have to go. Set-id on a directory only says who inherits its group. */
  modeOf(entry: TarEntry): number {
    if ((entry.mode & S_SETID) === 0 || entry.type === 'directory' || this.policy.setid === 'keep') return entry.mode
    if (this.policy.setid === 'refuse')
      throw entryFault(entry.name, 'setuid or setgid, which was not to be allowed (--nosuid)')
    this.notes.add('setuid or setgid, left off because the file belongs to you here', entry.name)
    return entry.mode & ~S_SETID
  }

  /**
   * Owner first, for it takes set-id and capabilities away; then attributes, mode, times. `madeAs`: the mode that it
   * has now.
   */
  finish(fd: number, name: string, entry: TarEntry, mode: number, madeAs: number): void {
    if (this.policy.owners === 'keep') this.#own(fd, name, entry)
    const xattrs = storedXattrs(entry, this.marks, (attribute) => this.#leaveOut(entry, attribute))
    for (const xattr of xattrs) if (!isAcl(xattr)) this.#setXattr(fd, name, entry, xattr)
    if (this.policy.owners === 'xattr') this.#override(fd, name, entry, mode)
    if (entry.type !== 'symlink' && mode !== madeAs) {
      check(entry, 'setting its mode', native.chmodat(fd, name, mode))
    }
    // An ACL says the permissions more exactly than the mode beside it, which programs fill in differently.
    for (const xattr of xattrs) if (isAcl(xattr)) this.#setXattr(fd, name, entry, xattr)
    check(entry, 'setting its times', setTimes(fd, name, entry))
  }

  #own(fd: number, name: string, entry: TarEntry): void {
    const result = native.chownat(fd, name, entry.uid, entry.gid)
    if (result >= 0) return
    const owner = `${entry.uid}:${entry.gid}`
    throw result === -Errno.EINVAL || result === -Errno.EPERM
      ? entryFault(
          entry.name,
          `its owner ${owner} does not exist in this user namespace: map that id, or use --owners mine`,
        )
      : kernelFault(entry.name, `giving it to ${owner}`, result)
  }

  #setXattr(fd: number, name: string, entry: TarEntry, { name: attribute, value }: StoredXattr): void {
    if (attribute === XATTR_CAPABILITY && !this.#mayHaveCapability(entry)) return
    const result = native.setxattr(fd, name, attribute, value, 0)
    if (result >= 0) return
    if (!mayBeLost(attribute, result))
      throw kernelFault(entry.name, `setting its attribute ${printable(attribute)}`, result)
    this.#leaveOut(entry, attribute)
  }

  #leaveOut(entry: TarEntry, attribute: string): void {
    this.notes.add(`the attribute ${printable(attribute)} has no place here; left out`, entry.name)
  }

  #mayHaveCapability(entry: TarEntry): boolean {
    if (this.policy.setid === 'refuse')
      throw entryFault(entry.name, 'file capabilities, which were not to be allowed (--nosuid)')
    if (this.policy.setid === 'keep') return true
    this.notes.add('file capabilities, left off because the file belongs to you here', entry.name)
    return false
  }

  /** Attributes of the user class are for files and directories only. */
  #override(fd: number, name: string, entry: TarEntry, mode: number): void {
    if (entry.type !== 'file' && entry.type !== 'directory') return
    const { uid, gid } = entry
    const text = formatOverride({ uid, gid, mode: mode | (entry.mode & S_SETID), type: 0, major: 0, minor: 0 })
    check(entry, 'noting its owner', native.setxattr(fd, name, OVERRIDE, Buffer.from(text), 0))
  }

  /**
   * Whose a directory is that nothing describes, whatever group the folder around the layer gives to what is made in
   * it.
   */
  giveToRoot(fd: number, entry: TarEntry): void {
    if (this.policy.owners === 'keep') check(entry, 'setting an owner', native.chownat(fd, '', 0, 0))
  }

  /** Gives directory `to` what directory `from` of a layer below has. */
  copy(from: number, to: number, entry: TarEntry): void {
    check(entry, 'reading a directory below', native.statat(from, ''))
    const stat = native.stat.slice()
    if (this.policy.owners === 'keep') {
      check(entry, 'setting an owner', native.chownat(to, '', stat[Stat.UID]!, stat[Stat.GID]!))
    }
    const names = native.listxattr(from, '')
    for (const name of typeof names === 'number' ? [] : names) {
      const value = this.marks.shown(name) === null ? -1 : native.getxattr(from, '', name)
      if (typeof value !== 'number') native.setxattr(to, '', name, value, 0)
    }
    check(entry, 'setting a mode', native.chmodat(to, '', stat[Stat.MODE]! & ~S_IFMT))
    const at = (slot: number) => stat[slot]!
    native.utimensat(to, '', at(Stat.ATIME), at(Stat.ATIME_NS), at(Stat.MTIME), at(Stat.MTIME_NS))
  }
}

/** Throws with the entry's name where `result` is an error. */
export function check(entry: TarEntry, doing: string, result: number): void {
  if (result < 0) throw kernelFault(entry.name, doing, result)
}

export function setTimes(fd: number, name: string, { atime, atimeNs, mtime, mtimeNs }: TarEntry): number {
  return native.utimensat(fd, name, atime, atimeNs, mtime, mtimeNs)
}

function isAcl({ name }: StoredXattr): boolean {
  return name.startsWith('system.posix_acl_')
}

/**
 * A filesystem without attributes, or a class that an ordinary user cannot set; an ACL that is lost would open a file.
 */
function mayBeLost(attribute: string, errno: number): boolean {
  if (attribute.startsWith('system.posix_acl_')) return false
  if (errno === -Errno.EOPNOTSUPP) return true
  return errno === -Errno.EPERM && !attribute.startsWith('system.')
}
