/**
 * Mounts whose daemon has another run directory than ours (`STRATAFS_RUN_DIR`, XDG_RUNTIME_DIR): they are in the
 * kernel's table, and no state file of ours tells of them. A daemon is found by its device: the kernel says of an open
 * /dev/fuse which connection it is, and its environment says where its state files are. Of other users' daemons only
 * root can read that.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { StratafsError } from '../../base/failure.js'
import { shown } from '../../base/text.js'
import { candidates, type MountState, mountsKnownIn } from './run-directory.js'

/** A daemon that serves some mount. */
export interface Server {
  readonly pid: number
  /** The state, and the run directory that it was found in, where we can read that. */
  readonly known: { readonly state: MountState; readonly directory: string } | null
}

/** Who serves the mounts of `devices` (`major:minor`), as far as this user can see. */
export function serversOf(devices: ReadonlySet<string>): ReadonlyMap<string, Server> {
  const found = new Map<string, Server>()
  const directories = new Set<string>()
  for (const pid of processes()) {
    const connections = connectionsOf(pid)
    if (connections === null) continue
    for (const device of connections) if (devices.has(device)) found.set(device, { pid, known: null })
    for (const directory of runDirectoriesOf(pid)) directories.add(directory)
  }
  for (const directory of directories)
    for (const state of mountsKnownIn(directory))
      if (devices.has(state.device)) found.set(state.device, { pid: state.pid, known: { state, directory } })
  return found
}

/** Why nobody answers for the mount of `device` on `mountpoint` (latin1); `remedy`: what to do if it is dead. */
export function unanswered(mountpoint: string, device: string | undefined, remedy: string): StratafsError {
  const server = device === undefined ? undefined : serversOf(new Set([device])).get(device)
  const what = `${shown(mountpoint)} cannot be asked: its daemon`
  if (server === undefined) return new StratafsError(`${what} is dead or another user’s`, 'DAEMON_DEAD', remedy)
  const { pid, known } = server
  if (known === null) return new StratafsError(`${what} is process ${pid}, another user’s`, 'DAEMON_DEAD')
  const way = `set STRATAFS_RUN_DIR=${known.directory}`
  return new StratafsError(`${what} is process ${pid}, which has another run directory`, 'DAEMON_DEAD', way)
}

function processes(): number[] {
  return attempt(() => readdirSync('/proc'), [])
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

/** Devices of the FUSE connections that a process holds (older kernels tell none); null where it has none. */
function connectionsOf(pid: number): string[] | null {
  const links = attempt(() => readdirSync(`/proc/${pid}/fd`), [])
  const fuse = links.filter((fd) => attempt(() => readlinkSync(`/proc/${pid}/fd/${fd}`), '') === '/dev/fuse')
  if (fuse.length === 0) return null
  return fuse.flatMap((fd) => {
    const text = attempt(() => readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1'), '')
    const connection = /^fuse_connection:\s*(\d+)/m.exec(text)?.[1]
    return connection === undefined ? [] : [`0:${connection}`]
  })
}

function runDirectoriesOf(pid: number): string[] {
  const text = attempt(() => readFileSync(`/proc/${pid}/environ`, 'utf8'), '')
  const pairs = text.split('\0').map((pair) => pair.split(/=(.*)/s) as [string, string?])
  return candidates(Object.fromEntries(pairs.map(([name, value = '']) => [name, value])))
}

/** What a process said; it may have ended, or be another user's. */
function attempt<T>(read: () => T, otherwise: T): T {
  try {
    return read()
  } catch {
    return otherwise
  }
}
