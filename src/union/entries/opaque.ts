/**
 * Making a directory opaque: the mark, or AUFS's `.wh..wh..opq` inside it where the upper has no extended attributes.
 */
import { AUFS_OPAQUE } from '../../layers/whiteouts.js'
import { O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_PATH, O_WRONLY } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import type { Union } from '../context/union.js'

/** Makes the directory (fd, name) of the upper opaque; 0 or -errno. */
export function markOpaque(u: Union, fd: number, name: string): number {
  if (u.writable!.capabilities.xattrs) return u.marks.set(fd, name, 'opaque', 'y')
  const dir = name === '' ? fd : native.openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0)
  if (dir < 0) return dir
  const file = native.openat(dir, AUFS_OPAQUE, O_CREAT | O_WRONLY | O_NONBLOCK | O_NOFOLLOW, 0o600)
  if (name !== '') native.close(dir)
  return file < 0 ? file : native.close(file)
}
