/**
 * Removes what was unpacked, all of it: directories that are closed to their owner are opened first, and a tree may be
 * deeper than descriptors would last. Below a certain depth a subtree is moved up to the top and taken from there, so
 * that the number of descriptors stays small whatever an archive built.
 */
import { Errno } from '../../base/errno.js'
import {
  AT_REMOVEDIR,
  DT_DIR,
  DT_UNKNOWN,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  RENAME_NOREPLACE,
} from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'

/** Directories that are held open on the way down. */
const DEEPEST = 50

/** Removes the directory `name` in `parentFd` with everything in it, following no link. 0 or -errno. */
export function removeUnpacked(parentFd: number, name: string): number {
  const top = openOwn(parentFd, name)
  if (top < 0) return top === -Errno.ENOENT ? 0 : top
  let moved = 0
  // Not `.wh.` or any name of an entry: those hold no control characters by chance.
  const moveUp = (fd: number, from: string) => native.renameat(fd, from, top, `\u0001${++moved}`, RENAME_NOREPLACE)
  // What was moved up is there on the next round; each round takes at least DEEPEST levels away.
  let errno = empty(top, 0, moveUp)
  while (errno === 0 && holdsSomething(top)) errno = empty(top, 0, moveUp)
  native.close(top)
  return errno < 0 ? errno : native.unlinkat(parentFd, name, AT_REMOVEDIR)
}

function openOwn(parentFd: number, name: string): number {
  const fd = native.openat(parentFd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0)
  if (fd >= 0) native.chmodat(fd, '', 0o700)
  return fd
}

function holdsSomething(fd: number): boolean {
  const entries = native.readDirectory(fd, '')
  return typeof entries !== 'number' && entries.names.length > 0
}

function empty(fd: number, depth: number, moveUp: (fd: number, name: string) => number): number {
  const entries = native.readDirectory(fd, '')
  if (typeof entries === 'number') return entries
  for (const [i, name] of entries.names.entries()) {
    const type = entries.types[i]!
    const errno =
      type === DT_DIR || type === DT_UNKNOWN ? removeDirectory(fd, name, depth, moveUp) : native.unlinkat(fd, name, 0)
    if (errno < 0 && errno !== -Errno.ENOENT) return errno
  }
  return 0
}

function removeDirectory(
  fd: number,
  name: string,
  depth: number,
  moveUp: (fd: number, name: string) => number,
): number {
  const child = openOwn(fd, name)
  if (child === -Errno.ENOTDIR || child === -Errno.ELOOP) return native.unlinkat(fd, name, 0)
  if (child < 0) return child
  if (depth >= DEEPEST && holdsSomething(child)) {
    native.close(child)
    return moveUp(fd, name)
  }
  const errno = empty(child, depth + 1, moveUp)
  native.close(child)
  return errno < 0 ? errno : native.unlinkat(fd, name, AT_REMOVEDIR)
}
