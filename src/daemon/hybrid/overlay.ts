/**
 * Filesystems made in steps: the FUSE mount, or image, that nobody sees, and the kernel overlay above it. All are
 * configured by descriptor (Linux 6.13), so no path has to be escaped or to be there for others, and the lower one is
 * attached nowhere (6.15): it lives as long as the overlay.
 */

import { errnoWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import {
  AT_FDCWD,
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NODIRATIME,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_NOSYMFOLLOW,
  MOUNT_ATTR_RDONLY,
  O_DIRECTORY,
  O_PATH,
} from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { MountFlag, type MountPlan } from '../options/mount-settings.js'

const FSCONFIG_SET_FLAG = 0
const FSCONFIG_SET_STRING = 1
const FSCONFIG_SET_FD = 5
const FSCONFIG_CMD_CREATE = 6

/** One step of a configuration: a word, a word with a text, or a word with a descriptor. */
type Step = readonly [key: string, value?: string | number]

/** A FUSE mount served through `device`, attached nowhere; or why not. */
export function detachedFuse(device: number): number | StratafsError {
  return make('fuse', 0, [
    ['source', 'stratafs'],
    ['fd', String(device)],
    ['rootmode', '40000'],
    ['user_id', String(process.getuid?.())],
    ['group_id', String(process.getgid?.())],
    ['default_permissions'],
    ['allow_other'],
    ['ro'],
  ])
}

/** The EROFS image in the file `fd`, mounted, attached nowhere; or why not (Linux 6.12). */
export function detachedImage(fd: number): number | StratafsError {
  return make('erofs', 0, [['source', `/proc/self/fd/${fd}`], ['ro']])
}

/** What the overlay is made of. */
interface OverlayWish {
  /** The metadata: a mount. */
  readonly lower: number
  /** Its data-only layers, in their order. */
  readonly data: readonly number[]
  /** Options beside the layers. */
  readonly steps: readonly Step[]
}

/**
 * The overlay of `plan`, attached nowhere; or why not. Where a thread of this process serves `lower`, it must not be
 * called from that thread.
 */
export function detachedOverlay({ config, settings }: MountPlan, wish: OverlayWish): number | StratafsError {
  const upper = config.upper === null ? -1 : native.openat(AT_FDCWD, config.upper, O_PATH | O_DIRECTORY, 0)
  const work = config.work === null ? -1 : native.openat(AT_FDCWD, config.work, O_PATH | O_DIRECTORY, 0)
  const steps: Step[] = [
    ['source', settings.fsname],
    ['lowerdir+', wish.lower],
    ...wish.data.map((fd): Step => ['datadir+', fd]),
    ...(upper < 0 ? [] : [['upperdir', upper] as const, ['workdir', work] as const]),
    ...wish.steps,
    ...superblockWords(settings.flags).map((word): Step => [word]),
  ]
  const made = make('overlay', mountAttributes(settings.flags), steps)
  for (const fd of [upper, work]) if (fd >= 0) native.close(fd)
  return made
}

/** Attaches a mount on `target`, unless it is to be given up, and closes the descriptor: 0 or -errno. */
export function attachMount(fd: number, target: string, isGivenUp = false): number {
  const errno = isGivenUp ? 0 : native.moveMount(fd, target)
  native.close(fd)
  return errno
}

function make(type: string, attributes: number, steps: readonly Step[]): number | StratafsError {
  const context = native.fsopen(type)
  if (context < 0)
    return new StratafsError(
      `this kernel has no ${type} filesystem, or not for you (${errnoWords(context)})`,
      'MOUNT_REFUSED',
    )
  const refusal = configure(context, type, steps)
  const mount = refusal === null ? native.fsmount(context, attributes) : -1
  native.close(context)
  if (refusal !== null) return refusal
  return mount >= 0 ? mount : new StratafsError(`${type}: fsmount(2) says: ${errnoWords(mount)}`, 'MOUNT_REFUSED')
}

function configure(context: number, type: string, steps: readonly Step[]): StratafsError | null {
  for (const [key, value] of [...steps, ['', '']] as const) {
    const errno = key === '' ? native.fsconfig(context, FSCONFIG_CMD_CREATE, '', '', 0) : set(context, key, value)
    if (errno >= 0) continue
    const said = messages(context)
    return new StratafsError(
      `${type}${key === '' ? '' : `, ${key}`}: ${said === '' ? errnoWords(errno) : said}`,
      'MOUNT_REFUSED',
    )
  }
  return null
}

function set(context: number, key: string, value: string | number | undefined): number {
  if (value === undefined) return native.fsconfig(context, FSCONFIG_SET_FLAG, key, '', 0)
  if (typeof value === 'string') return native.fsconfig(context, FSCONFIG_SET_STRING, key, value, 0)
  return native.fsconfig(context, FSCONFIG_SET_FD, key, '', value)
}

/** What the kernel has to say about a refusal, in its words. */
function messages(context: number): string {
  const said: string[] = []
  for (let text = native.fsMessage(context); text !== ''; text = native.fsMessage(context))
    if (text.startsWith('e ')) said.push(text.slice(2).trim())
  return said.join('; ')
}

const ATTRIBUTES: readonly (readonly [flag: number, attribute: number])[] = [
  [MountFlag.RDONLY, MOUNT_ATTR_RDONLY],
  [MountFlag.NOSUID, MOUNT_ATTR_NOSUID],
  [MountFlag.NODEV, MOUNT_ATTR_NODEV],
  [MountFlag.NOEXEC, MOUNT_ATTR_NOEXEC],
  [MountFlag.NOATIME, MOUNT_ATTR_NOATIME],
  [MountFlag.NODIRATIME, MOUNT_ATTR_NODIRATIME],
  [MountFlag.NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW],
]

function mountAttributes(flags: number): number {
  return ATTRIBUTES.reduce((bits, [flag, attribute]) => ((flags & flag) === 0 ? bits : bits | attribute), 0)
}

const WORDS: readonly (readonly [flag: number, word: string])[] = [
  [MountFlag.RDONLY, 'ro'],
  [MountFlag.SYNCHRONOUS, 'sync'],
  [MountFlag.DIRSYNC, 'dirsync'],
  [MountFlag.LAZYTIME, 'lazytime'],
]

function superblockWords(flags: number): string[] {
  return WORDS.filter(([flag]) => (flags & flag) !== 0).map(([, word]) => word)
}
