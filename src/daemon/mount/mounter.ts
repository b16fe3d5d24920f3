/**
 * Attaching and detaching the filesystem. With CAP_SYS_ADMIN that is mount(2) itself; everybody else goes through
 * fusermount3, which is setuid and hands the device over. In a user namespace mount(2) is tried first. Nothing here
 * waits for the engine, except that unmounting may make the kernel ask it: so never call it from the engine's thread.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, closeSync, constants, openSync } from 'node:fs'
import { join } from 'node:path'
import { Errno } from '../../base/errno.js'
import { errnoWords, errorWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import { CAP_SYS_ADMIN, MNT_DETACH, UMOUNT_NOFOLLOW } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { MountFlag, type MountPlan, type MountSettings, othersMayEnter } from '../options/mount-settings.js'

interface Attached {
  /** The open /dev/fuse of this mount. */
  readonly fd: number
  /** The program that mounted, or null for mount(2). */
  readonly program: string | null
}

/** What is said to the kernel of a mount. */
export type AttachPlan = Pick<MountPlan, 'settings' | 'mountpoint'>

/** Mounts, and returns the device to serve it with. */
export function attach(plan: AttachPlan): Attached | StratafsError {
  if (native.hasCapability(CAP_SYS_ADMIN) !== 1) return attachWithProgram(plan)
  const direct = attachDirectly(plan)
  if (typeof direct !== 'number') return direct
  if (direct === -Errno.EPERM && process.getuid?.() !== undefined) return attachWithProgram(plan)
  return mountFailure(`cannot mount on ${shown(plan.mountpoint)}`, direct)
}

function mountFailure(what: string, errno: number): StratafsError {
  if (errno === -Errno.ENODEV)
    return new StratafsError(`${what}: this kernel has no FUSE`, 'MOUNT_REFUSED', 'load it with `modprobe fuse`')
  if (errno === -Errno.EPERM) return new StratafsError(`${what}: not permitted here`, 'MOUNT_REFUSED')
  return new StratafsError(`${what}: mount(2) says: ${errnoWords(errno)}`, 'MOUNT_REFUSED')
}

/** mount(2): the device, a refusal for a person, or -errno. */
function attachDirectly(plan: AttachPlan): Attached | StratafsError | number {
  const device = openDevice()
  if (typeof device !== 'number') return device
  const { settings, mountpoint } = plan
  const data = [`fd=${device}`, 'rootmode=40000', `user_id=${process.getuid?.()}`, `group_id=${process.getgid?.()}`]
  data.push('default_permissions')
  if (othersMayEnter(settings)) data.push('allow_other')
  const errno = native.mount(settings.fsname, mountpoint, typeOf(settings), settings.flags, data.join(','))
  if (errno >= 0) return { fd: device, program: null }
  closeSync(device)
  return errno
}

/** /dev/fuse, opened for a new connection. A read where there is nothing is EAGAIN. */
export function openDevice(): number | StratafsError {
  try {
    return openSync('/dev/fuse', constants.O_RDWR | constants.O_NONBLOCK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const advice =
      code === 'ENOENT' || code === 'ENODEV' ? 'load the kernel module with `modprobe fuse`' : 'check its permissions'
    return new StratafsError(`/dev/fuse cannot be opened (${errorWords(error)})`, 'MOUNT_REFUSED', advice)
  }
}

function typeOf(settings: MountSettings): string {
  return settings.subtype === '' ? 'fuse' : `fuse.${settings.subtype}`
}

function attachWithProgram(plan: AttachPlan): Attached | StratafsError {
  const program = findProgram()
  if (program === null) return noProgram()
  const answer = native.fusermount(program, programOptions(plan.settings), plan.mountpoint)
  if (typeof answer === 'number' && answer >= 0) return { fd: answer, program }
  const why = typeof answer === 'string' ? shown(answer).trim() : `${program} cannot be run: ${errnoWords(answer)}`
  return new StratafsError(`cannot mount on ${shown(plan.mountpoint)}: ${why}`, 'MOUNT_REFUSED')
}

const FLAG_WORDS: readonly (readonly [bit: number, word: string])[] = [
  [MountFlag.RDONLY, 'ro'],
  [MountFlag.NOSUID, 'nosuid'],
  [MountFlag.NODEV, 'nodev'],
  [MountFlag.NOEXEC, 'noexec'],
  [MountFlag.SYNCHRONOUS, 'sync'],
  [MountFlag.DIRSYNC, 'dirsync'],
  [MountFlag.NOATIME, 'noatime'],
  [MountFlag.NOSYMFOLLOW, 'nosymfollow'],
]

/** The option words fusermount3 understands. */
export function programOptions(settings: MountSettings): string {
  const words = [`fsname=${settings.fsname.replace(/[\\,]/g, '\\$&')}`, 'default_permissions']
  if (settings.subtype !== '') words.push(`subtype=${settings.subtype.replace(/[\\,]/g, '\\$&')}`)
  if (othersMayEnter(settings)) words.push('allow_other')
  for (const [bit, word] of FLAG_WORDS) if ((settings.flags & bit) !== 0) words.push(word)
  return words.join(',')
}

/** fusermount3, or its older name, in PATH or where distributions put it. */
export function findProgram(): string | null {
  const directories = [...(process.env.PATH ?? '').split(':').filter(Boolean), '/usr/bin', '/bin', '/usr/local/bin']
  for (const name of ['fusermount3', 'fusermount']) {
    const found = directories.map((directory) => join(directory, name)).find(executable)
    if (found !== undefined) return found
  }
  return null
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function noProgram(): StratafsError {
  const remedy = 'install the package fuse3 (apt-get install fuse3)'
  return new StratafsError('fusermount3 was not found', 'MISSING_PROGRAM', remedy)
}

/** Unmounts what is on `mountpoint`: 0, -EBUSY while it is used (never when `lazy`), or another refusal. */
export function detach(mountpoint: string, lazy: boolean): number | StratafsError {
  const errno = native.umount(mountpoint, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0))
  if (errno >= 0 || errno === -Errno.EBUSY) return errno
  if (errno !== -Errno.EPERM) return new StratafsError(`cannot unmount ${shown(mountpoint)}: ${errnoWords(errno)}`)
  return detachWithProgram(mountpoint, lazy)
}

function detachWithProgram(mountpoint: string, lazy: boolean): number | StratafsError {
  const program = findProgram()
  if (program === null) return noProgram()
  const args = ['-u', ...(lazy ? ['-z'] : []), '--', shown(mountpoint)]
  const { status, stderr, error } = spawnSync(program, args, {
    cwd: '/',
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  if (status === 0) return 0
  // Null where it could not be run at all: no process to be had, no permission.
  const words = error?.message ?? stderr.trim()
  return /busy/i.test(words) ? -Errno.EBUSY : new StratafsError(`cannot unmount ${shown(mountpoint)}: ${words}`)
}
