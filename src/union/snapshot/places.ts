/**
 * Where freezing an upper takes place: the directory that holds it, and the workdir's `snapshots/`, both reached
 * through the upper's own mount, so that the one can be exchanged for what lies in the other.
 */
import { errnoWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { SNAPSHOTS } from '../../layers/workdir.js'
import { O_DIRECTORY, O_NOFOLLOW, O_PATH } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { OwnedFd } from '../../syscalls/owned-fd.js'
import { Stat } from '../../syscalls/stat.js'
import type { Union } from '../context/union.js'

export interface Places {
  /** The directory in which the upper stands, and its name there. */
  readonly parent: number
  readonly name: string
  /** `snapshots/`. */
  readonly store: number
  close(): void
}

/** Opens them, or says why they cannot be had. */
export function openPlaces(u: Union): Places | StratafsError {
  const { layer, work } = u.writable!
  const parent = OwnedFd.from(native.openat(layer.rootFd, '..', O_PATH | O_DIRECTORY, 0))
  if (typeof parent === 'number') return refused(`the directory of upperdir ${layer.path}`, parent)
  const store = OwnedFd.from(native.openat(work.baseFd, SNAPSHOTS, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0))
  const name = layer.path.slice(layer.path.lastIndexOf('/') + 1)
  const moved = standsThere(layer.rootFd, parent.fd, name) ? null : wasMoved(layer.path)
  if (typeof store !== 'number' && moved === null) {
    // What is made in it is to inherit nothing.
    native.removexattr(store.fd, '', 'system.posix_acl_default')
    const close = (): void => {
      parent.close()
      store.close()
    }
    return { parent: parent.fd, name, store: store.fd, close }
  }
  parent.close()
  if (typeof store === 'number') return refused(`${SNAPSHOTS} in the workdir`, store)
  store.close()
  return moved!
}

/** Whether the directory `fd` is what stands under `name` in `parent`. */
function standsThere(fd: number, parent: number, name: string): boolean {
  const slots = [Stat.INO_LOW, Stat.INO_HIGH, Stat.DEV_MAJOR, Stat.DEV_MINOR, Stat.MOUNT_ID]
  if (native.statat(fd, '') < 0) return false
  const own = slots.map((slot) => native.stat[slot])
  return native.statat(parent, name) >= 0 && slots.every((slot, i) => native.stat[slot] === own[i])
}

function refused(what: string, errno: number): StratafsError {
  return new StratafsError(`${what} cannot be opened (${errnoWords(errno)})`)
}

function wasMoved(path: string): StratafsError {
  return new StratafsError(
    `upperdir ${path} has been moved, or is the root of a mount`,
    'FAILED',
    'mount it anew from a directory in a filesystem',
  )
}
