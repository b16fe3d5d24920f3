/**
 * From a path that somebody names to the mount it is in and the daemon that serves it. The kernel's mount table is
 * asked first, and the device number joins it to a state file: so bind mounts of a union are found too. A mount that is
 * only in another mount namespace is found by the path it was mounted on there. Paths are latin1 strings.
 */
import { realpathSync } from 'node:fs'
import { StratafsError } from '../../base/failure.js'
import { pathBytes, shown } from '../../base/text.js'
import { unanswered } from '../mount/elsewhere.js'
import { isOurType, type MountEntry, mountedOn, mountHolding, readMounts } from '../mount/mountinfo.js'
import { type FoundMount, listMounts } from '../mount/run-directory.js'

interface Target {
  /** Resolved as far as it can be without asking the mount itself. */
  readonly path: string
  /** The entry mounted on it here; null when it is mounted in another namespace only. */
  readonly entry: MountEntry | null
  /** Its daemon; null when that is dead or another user's. */
  readonly daemon: FoundMount | null
}

/** The mount of ours on `path`, or a sentence why there is none. */
export function findMount(path: string): Target | StratafsError {
  const mounts = readMounts()
  const known = listMounts()
  const here = resolveMountpoint(path, mounts)
  const entry = mountedOn(here, mounts)
  const daemon = entry === undefined ? undefined : known.find(({ state }) => state.device === entry.device)
  if (entry !== undefined && (daemon !== undefined || isOurType(entry))) {
    return { path: here, entry, daemon: daemon ?? null }
  }
  const elsewhere = known.findLast(({ state }) => state.mountpoint === here)
  if (elsewhere !== undefined) return { path: here, entry: null, daemon: elsewhere }
  return new StratafsError(
    `${shown(path)} is not a stratafs mount: \`stratafs inspect --all\` lists those there are`,
    'NOT_A_MOUNT',
  )
}

/** A mount whose daemon is dead cannot be resolved through; its own name is only looked up in its parent. */
function resolveMountpoint(path: string, mounts: readonly MountEntry[]): string {
  const plain = path.replace(/(.)\/+$/, '$1')
  if (mountedOn(plain, mounts) !== undefined) return plain
  const slash = plain.lastIndexOf('/')
  const parent = resolved(plain.slice(0, slash) || '/')
  const beside = parent === null ? plain : `${parent === '/' ? '' : parent}/${plain.slice(slash + 1)}`
  return mountedOn(beside, mounts) !== undefined ? beside : (resolved(plain) ?? plain)
}

function resolved(path: string): string | null {
  try {
    return realpathSync.native(pathBytes(path), { encoding: 'buffer' }).toString('latin1')
  } catch {
    return null
  }
}

interface InsideMount {
  readonly daemon: FoundMount
  /** Relative to the union's root, without a leading slash. */
  readonly inside: string
}

/** Which union `path` (absolute) lies in, and where in it; a symbolic link at its end is not followed. */
export function findInside(path: string): InsideMount | StratafsError {
  const plain = path.replace(/(.)\/+$/, '$1')
  const slash = plain.lastIndexOf('/')
  const name = plain.slice(slash + 1)
  const byName = name !== '' && name !== '.' && name !== '..'
  const directory = resolved(byName ? plain.slice(0, slash) || '/' : plain)
  if (directory === null) return new StratafsError(`${shown(path)} does not exist`, 'NOT_FOUND')
  const full = byName ? `${directory === '/' ? '' : directory}/${name}` : directory
  const entry = mountHolding(full, readMounts())
  const daemon = entry && listMounts().find(({ state }) => state.device === entry.device)
  if (entry !== undefined && daemon === undefined && isOurType(entry))
    return unanswered(entry.mountpoint, entry.device, 'name its layers instead, with --upper and --lower')
  if (entry === undefined || daemon === undefined)
    return new StratafsError(
      `${shown(path)} is in no stratafs mount of yours`,
      'NOT_A_MOUNT',
      'name a path in one (`stratafs list` shows them)',
    )
  const below = full.slice(entry.mountpoint === '/' ? 0 : entry.mountpoint.length)
  return { daemon, inside: `${entry.root}/${below}`.split('/').filter(Boolean).join('/') }
}
