/**
 * `-o remount`: what mount(8) asks of a mount that stands. As under kernel overlayfs only `ro` and `rw` and the mount's
 * own flags change, and the kernel itself then refuses writes: the daemon is not asked. What else mount(8) repeats from
 * fstab or from the mount table means nothing here.
 */

import { Errno } from '../../base/errno.js'
import { errnoWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import { AT_FDCWD, O_DIRECTORY, O_RDONLY } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { withFd } from '../../syscalls/owned-fd.js'
import { mountWords } from '../mount/mountinfo.js'
import { type Draft, emptyDraft } from '../options/draft.js'
import { MountFlag } from '../options/mount-settings.js'
import { splitOptions } from '../options/split.js'
import { optionTable } from '../options/table.js'
import { findMount } from './find-mount.js'

const MS_REMOUNT = 32

/** The words that a remount heeds. */
const HEEDED = new Set(
  (
    'ro rw suid nosuid dev nodev exec noexec sync async dirsync atime noatime diratime nodiratime ' +
    'symfollow nosymfollow lazytime nolazytime'
  ).split(' '),
)

/** Gives the mount on `mountpoint` (absolute, latin1) the flags that the option strings name; the others stay. */
export function remount(mountpoint: string, texts: readonly string[]): StratafsError | null {
  const target = findMount(mountpoint)
  if (target instanceof StratafsError) return target
  const name = shown(mountpoint)
  if (target.entry === null)
    return new StratafsError(`${name} is mounted in another mount namespace`, 'MOUNT_REFUSED', 'remount it there')
  const config = target.daemon?.state.config
  const flags = wantedFlags(mountWords(target.path), texts)
  if ((flags & MountFlag.RDONLY) === 0 && config?.readonly)
    return new StratafsError(
      `${name} was mounted to be read only`,
      'MOUNT_REFUSED',
      'unmount it, then mount it with upperdir and workdir',
    )
  const errno = native.mount(target.entry.source, target.path, target.entry.type, MS_REMOUNT | flags, '')
  if (errno < 0) return failure(`cannot remount ${name}`, errno)
  const isSynced = (flags & MountFlag.RDONLY) !== 0 && config !== undefined && config.fsync && !config.volatile
  return isSynced && config.upper !== null ? sync(config.upper) : null
}

function failure(what: string, errno: number): StratafsError {
  if (errno === -Errno.EPERM)
    return new StratafsError(
      `${what}: only root can`,
      'MOUNT_REFUSED',
      'unmount it, then mount it with the new options',
    )
  const why = errno === -Errno.EBUSY ? 'a file is open for writing' : errnoWords(errno)
  return new StratafsError(`${what}: ${why}`, 'MOUNT_REFUSED')
}

/** MS_* of mount(2): those of the mount as it is (its words in the kernel's table), changed as the options say. */
export function wantedFlags(present: readonly string[], texts: readonly string[]): number {
  const draft = emptyDraft()
  // The filesystem's own `rw` stands after a read-only mount's `ro`.
  heed(draft, [...present.filter((word) => word !== 'rw')])
  heed(
    draft,
    texts.flatMap(splitOptions).flatMap(({ name, value }) => (value === null ? [name] : [])),
  )
  const { settings, config } = draft
  return config.readonly ? settings.flags | MountFlag.RDONLY : settings.flags & ~MountFlag.RDONLY
}

function heed(draft: Draft, words: readonly string[]): void {
  for (const word of words) if (HEEDED.has(word)) optionTable.get(word)!.apply(draft, '')
}

/** As the kernel's overlay: what was written is on disk when the mount is read only. */
function sync(upper: string): StratafsError | null {
  const errno = withFd(native.openat(AT_FDCWD, upper, O_RDONLY | O_DIRECTORY, 0), (fd) => native.syncfs(fd))
  return errno < 0
    ? new StratafsError(
        `the filesystem of upperdir ${shown(upper)} cannot be synced (${errnoWords(errno)})`,
        'MOUNT_REFUSED',
      )
    : null
}
