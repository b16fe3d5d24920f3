/**
 * One layer: its root, opened once, and what its filesystem can do. Where the kernel allows it (CAP_SYS_ADMIN, Linux
 * 5.12) the root is a private clone of its mount. Clones of lower layers are read-only and noatime, so the kernel
 * refuses any write to them, whatever this program does. What is mounted above a layer's directories, this mount
 * included, is not in the clone. Elsewhere the directory is opened as it is.
 */

import { Errno } from '../base/errno.js'
import { errnoWords } from '../base/errno-words.js'
import { StratafsError } from '../base/failure.js'
import {
  AT_FDCWD,
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_RDONLY,
  O_DIRECTORY,
  O_PATH,
} from '../syscalls/constants.js'
import { native } from '../syscalls/native.js'
import { Stat } from '../syscalls/stat.js'
import { Layer } from './layer-dir.js'

/** Devices belong to the merged tree's programs: in a layer this process opens none, whatever somebody puts there. */
const LOWER_ATTRIBUTES = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME | MOUNT_ATTR_NODEV

/** Opens a lower layer's root. */
export function openLower(path: string, index: number): Layer | StratafsError {
  const clone = native.cloneMount(path, LOWER_ATTRIBUTES)
  if (clone >= 0) return new Layer(index, path, clone, true)
  const fd = native.openat(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0)
  if (fd < 0) return openFailure('lowerdir', path, fd)
  return new Layer(index, path, fd, false)
}

function openFailure(option: string, path: string, errno: number): StratafsError {
  const refused = (what: string, remedy: string | null = null) =>
    new StratafsError(`${option} ${path} ${what}`, 'MOUNT_REFUSED', remedy)
  if (errno === -Errno.ENOENT) return refused('does not exist', 'name an existing directory')
  if (errno === -Errno.ENOTDIR) return refused('is not a directory')
  return refused(`cannot be opened (${errnoWords(errno)})`)
}

/**
 * The upper layer and the descriptor of its workdir, both reached through one mount so that files can move between
 * them.
 */
interface UpperRoots {
  readonly layer: Layer
  readonly workFd: number
}

/** Opens upper and work through one clone of the mount below their common ancestor, or as they are. */
export function openUpper(upper: string, work: string, noatime: boolean): UpperRoots | StratafsError {
  const cloned = openClonedUpper(upper, work, noatime)
  if (cloned !== null) return cloned
  const fd = native.openat(AT_FDCWD, upper, O_PATH | O_DIRECTORY, 0)
  if (fd < 0) return openFailure('upperdir', upper, fd)
  const workFd = native.openat(AT_FDCWD, work, O_PATH | O_DIRECTORY, 0)
  if (workFd < 0) {
    native.close(fd)
    return openFailure('workdir', work, workFd)
  }
  return { layer: new Layer(-1, upper, fd, false), workFd }
}

function openClonedUpper(upper: string, work: string, noatime: boolean): UpperRoots | null {
  const above = commonAncestor(upper, work)
  const base = native.cloneMount(above, MOUNT_ATTR_NODEV | (noatime ? MOUNT_ATTR_NOATIME : 0))
  if (base < 0) return null
  const fd = openBelow(base, above, upper)
  const workFd = fd < 0 ? fd : openBelow(base, above, work)
  if (workFd >= 0 && sameMount(fd, workFd)) {
    const layer = new Layer(-1, upper, fd, true)
    layer.keepClone(base)
    return { layer, workFd }
  }
  native.close(base)
  if (fd >= 0) native.close(fd)
  if (workFd >= 0) native.close(workFd)
  return null
}

function openBelow(base: number, above: string, path: string): number {
  const rest = path.slice(above.length).replace(/^\/+/, '')
  return native.openat(base, rest === '' ? '.' : rest, O_PATH | O_DIRECTORY, 0)
}

function sameMount(a: number, b: number): boolean {
  native.statat(a, '')
  const mount = native.stat[Stat.MOUNT_ID]
  const inode = native.stat[Stat.INO_LOW]
  native.statat(b, '')
  return native.stat[Stat.MOUNT_ID] === mount && native.stat[Stat.INO_LOW] !== inode
}

/** The deepest directory that holds both of two absolute paths. */
function commonAncestor(a: string, b: string): string {
  const left = a.split('/')
  const right = b.split('/')
  let shared = 0
  while (shared < left.length - 1 && shared < right.length - 1 && left[shared] === right[shared]) shared++
  return left.slice(0, shared).join('/') || '/'
}
