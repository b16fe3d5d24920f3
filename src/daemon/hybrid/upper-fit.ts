/**
 * Whether an upper can lie over the FUSE lower of engine=hybrid, and how it is left. That lower has no file handles, so
 * the kernel's overlay keeps no hard links together: an upper whose `index/` does is left to engine=fuse.
 */
import { AT_FDCWD, AT_REMOVEDIR, O_DIRECTORY, O_RDONLY } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'

/** Why an upper with the workdir `work` is left to engine=fuse; null: it is not. */
export function upperObstacle(work: string): string | null {
  const fd = native.openat(AT_FDCWD, `${work}/index`, O_RDONLY | O_DIRECTORY, 0)
  if (fd < 0) return null
  const entries = native.readDirectory(fd, '')
  native.close(fd)
  // What the kernel has in hand there begins with `#`.
  const isEmpty = typeof entries !== 'number' && entries.names.every((name) => name.startsWith('#'))
  return isEmpty ? null : 'the upper has hard links of lower files that are kept together (index/ in its workdir)'
}

/** The clean end of a volatile mount: what was written is on disk, and the kernel's mark that it may not be goes. */
export function settleVolatile(upper: string, work: string): void {
  const fd = native.openat(AT_FDCWD, upper, O_RDONLY | O_DIRECTORY, 0)
  const synced = fd >= 0 && native.syncfs(fd) >= 0
  if (fd >= 0) native.close(fd)
  if (!synced) return
  native.unlinkat(AT_FDCWD, `${work}/work/incompat/volatile/dirty`, 0)
  for (const name of ['incompat/volatile', 'incompat']) native.unlinkat(AT_FDCWD, `${work}/work/${name}`, AT_REMOVEDIR)
}
