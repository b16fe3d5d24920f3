/**
 * A directory named by an option, looked at before mounting: resolved, known to exist and to be a directory, with the
 * identity that tells whether two names mean one place. Failures are sentences that name the option and say what to do.
 */

import { realpathSync } from 'node:fs'
import { Errno } from '../../base/errno.js'
import { errnoWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import { pathBytes, shown } from '../../base/text.js'
import { AT_FDCWD, O_PATH, S_IFDIR, S_IFMT } from '../../syscalls/constants.js'
import { native } from '../../syscalls/native.js'
import { withFd } from '../../syscalls/owned-fd.js'
import { Stat } from '../../syscalls/stat.js'

export interface ResolvedDir {
  /** The option's name, for messages. */
  readonly option: string
  /** Absolute, without symbolic links. */
  readonly path: string
  readonly device: string
  /** Device and inode: equal for two names of one directory, bind mounts included. */
  readonly identity: string
  readonly mountId: number
}

/** The directory `path`, or why it cannot be used. */
export function resolveDir(option: string, path: string): ResolvedDir | StratafsError {
  let real: string
  try {
    real = realpathSync.native(pathBytes(path), { encoding: 'buffer' }).toString('latin1')
  } catch (error) {
    return unresolved(`${option} ${shown(path)}`, error as NodeJS.ErrnoException, path)
  }
  if (isDead(real)) return dead(`${option} ${shown(path)}`, path)
  const errno = native.statat(AT_FDCWD, real)
  if (errno < 0)
    return new StratafsError(`${option} ${shown(path)} cannot be looked at (${errnoWords(errno)})`, 'MOUNT_REFUSED')
  const { stat } = native
  if ((stat[Stat.MODE]! & S_IFMT) !== S_IFDIR)
    return new StratafsError(`${option} ${shown(path)} is not a directory`, 'MOUNT_REFUSED', 'name one')
  const device = `${stat[Stat.DEV_MAJOR]}:${stat[Stat.DEV_MINOR]}`
  return { option, path: real, device, identity: identityOfStat(), mountId: stat[Stat.MOUNT_ID]! }
}

/** A dead mount's attributes may still be cached: only what asks the daemon each time tells. */
function isDead(path: string): boolean {
  return withFd(native.openat(AT_FDCWD, path, O_PATH, 0), (fd) => native.statfs(fd)) === -Errno.ENOTCONN
}

/** `name`: option and path, for the message. */
function unresolved(name: string, { code, message }: NodeJS.ErrnoException, path: string): StratafsError {
  const refused = (what: string, remedy: string | null = null) =>
    new StratafsError(`${name} ${what}`, 'MOUNT_REFUSED', remedy)
  if (code === 'ENOENT') return refused('does not exist', 'make it with mkdir, or name another')
  if (code === 'ENOTDIR') return refused('is not a directory', 'name one')
  if (code === 'EACCES') return refused('cannot be reached: a directory on the way to it is not open to you')
  if (code === 'ELOOP') return refused('leads through too many symbolic links')
  if (code === 'ENOTCONN') return dead(name, path)
  return refused(`cannot be resolved: ${code ?? message}`)
}

function dead(name: string, path: string): StratafsError {
  const remedy = `run \`stratafs unmount ${shown(path)}\` first`
  return new StratafsError(`${name} is a mount whose daemon has died`, 'MOUNT_REFUSED', remedy)
}

/** The device and inode that `native.stat` holds. */
export function identityOfStat(): string {
  const { stat } = native
  return [Stat.DEV_MAJOR, Stat.DEV_MINOR, Stat.INO_HIGH, Stat.INO_LOW].map((slot) => stat[slot]).join(':')
}

/**
 * The identities of `place` and of every directory above it, nearest first. `known`: what others have found out, by
 * path, for those that lie beside each other.
 */
export function identitiesUpward(place: ResolvedDir, known: Map<string, string>): Set<string> {
  const found = new Set([place.identity])
  for (let at = place.path; at !== '/'; ) {
    at = at.slice(0, at.lastIndexOf('/')) || '/'
    const identity = known.get(at) ?? (native.statat(AT_FDCWD, at) >= 0 ? identityOfStat() : null)
    if (identity === null) continue
    known.set(at, identity)
    found.add(identity)
  }
  return found
}
