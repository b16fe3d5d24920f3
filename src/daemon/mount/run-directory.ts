/**
 * Where mounts are found again: one directory per user, closed to others, with a socket and a state file for each
 * mount. Files are named by a hash of the mountpoint and the daemon's pid, so that two mounts on one path (stacked, or
 * in two mount namespaces) do not meet. What a dead daemon left is swept by whoever comes next. `STRATAFS_RUN_DIR`
 * names another.
 */
import { createHash } from 'node:crypto'
import {
  accessSync,
  chmodSync,
  constants,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { errorWords } from '../../base/errno-words.js'
import { StratafsError } from '../../base/failure.js'
import type { UnionConfig } from '../../union/context/config.js'
import { sweepLogs } from './old-logs.js'

/** What a state file holds. Paths are latin1 strings. */
export interface MountState {
  readonly pid: number
  /** The daemon's start time in clock ticks since boot: with the pid it names one process for ever. */
  readonly startTime: string
  /** The pid namespace in which `pid` means something. */
  readonly pidNamespace: string
  /** `major:minor` of the mounted filesystem. */
  readonly device: string
  readonly mountpoint: string
  readonly options: readonly string[]
  readonly config: UnionConfig
  /** A kernel overlay has the upper: it is read on disk, not asked about. */
  readonly hybrid?: true
  /** Where the log is, or null. */
  readonly log: string | null
  /** ISO time of the mount. */
  readonly since: string
  /** Its process serves other mounts, too, and lives on after this one. */
  readonly hosted?: boolean
}

export interface FoundMount {
  readonly state: MountState
  readonly socket: string
}

/** Longest path a unix socket can have, less the longest name we give it. */
const LONGEST_DIRECTORY = 107 - 40

/** Candidates, best first. In a user namespace root may not own /run, so all of them are looked through. */
export function candidates(environment: NodeJS.ProcessEnv = process.env): string[] {
  const { STRATAFS_RUN_DIR: chosen, XDG_RUNTIME_DIR: runtime } = environment
  if (chosen) return [chosen]
  const uid = process.getuid?.() ?? 0
  const own = [...(runtime ? [join(runtime, 'stratafs')] : []), `/tmp/stratafs-${uid}`]
  return uid === 0 ? ['/run/stratafs', ...own] : own
}

/** The run directory, made if need be; null where none can be had. */
export function runDirectory(): string | null {
  return candidates().find((path) => Buffer.byteLength(path) <= LONGEST_DIRECTORY && makePrivate(path)) ?? null
}

/** Those candidates that are there and that nobody else can enter. */
export function privateDirectories(): string[] {
  return candidates().filter((directory) => isPrivate(directory, false))
}

/** True when `path` is now a directory of ours that nobody else can enter. */
function makePrivate(path: string): boolean {
  try {
    // Not with its parents: in /proc, where nothing can be made and nothing says so, Node would try for ever.
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false
  }
  return isPrivate(path, true)
}

/**
 * Why the directory that `STRATAFS_RUN_DIR` names cannot be used, with what to do; null where it can, or none is named.
 */
export function runDirectoryObstacle(): StratafsError | null {
  const { STRATAFS_RUN_DIR: path } = process.env
  if (!path) return null
  return isAbsolute(path) ? obstacleOf(path) : unusable(path, 'must be an absolute path')
}

function unusable(path: string, what: string, remedy: string | null = null): StratafsError {
  return new StratafsError(`STRATAFS_RUN_DIR ${path} ${what}`, 'MOUNT_REFUSED', remedy)
}

function obstacleOf(path: string): StratafsError | null {
  if (Buffer.byteLength(path) > LONGEST_DIRECTORY)
    return unusable(path, 'is too long for the path of a socket', `name one of ${LONGEST_DIRECTORY} bytes at most`)
  if (!makePrivate(path)) return whyNot(path)
  try {
    accessSync(path, constants.W_OK | constants.X_OK)
    return null
  } catch (error) {
    return unusable(path, `cannot be written to (${errorWords(error)})`, 'name another')
  }
}

function whyNot(path: string): StratafsError {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return unusable(path, 'does not exist and cannot be made', 'make it, or name another')
  if (!stat.isDirectory()) return unusable(path, 'is no directory', 'name one')
  return stat.uid === process.getuid?.()
    ? unusable(path, 'cannot be closed to others', 'chmod it to 0700')
    : unusable(path, 'is not yours', 'name another')
}

/** Closed to others: who can write here can pose as a daemon. */
function isPrivate(path: string, repair: boolean): boolean {
  try {
    const stat = lstatSync(path)
    if (!stat.isDirectory() || stat.uid !== process.getuid?.()) return false
    if ((stat.mode & 0o077) === 0) return true
    if (repair) chmodSync(path, 0o700)
    return repair
  } catch {
    return false
  }
}

/** The path without its ending for the files of the mount on `mountpoint` by process `pid`. */
export function filesStem(directory: string, mountpoint: string, pid: number): string {
  const hash = createHash('sha256').update(mountpoint, 'latin1').digest('hex').slice(0, 16)
  return join(directory, `${hash}.${pid}`)
}

/** Stems of mounts that this process serves. */
const taken = new Set<string>()

/** The stem for a further mount of this process: two on one mountpoint, one above the other, get two. */
export function takeStem(directory: string, mountpoint: string): string {
  let name = mountpoint
  while (taken.has(filesStem(directory, name, process.pid))) name += '\0'
  const stem = filesStem(directory, name, process.pid)
  taken.add(stem)
  return stem
}

/** Nobody finds the mount any more, and its stem may be another's. */
export function giveStem(stem: string): void {
  removeFiles(stem)
  taken.delete(stem)
}

/** Writes the state in one step: a reader sees the whole of it or nothing. */
export function writeState(stem: string, state: MountState): void {
  writeFileSync(`${stem}.new`, `${JSON.stringify(state)}\n`, { mode: 0o600 })
  renameSync(`${stem}.new`, `${stem}.json`)
}

/** Takes socket and state away. */
function removeFiles(stem: string): void {
  for (const ending of ['json', 'sock', 'new']) rmSync(`${stem}.${ending}`, { force: true })
}

/** What names this process in a state file. */
export function ownIdentity(): Pick<MountState, 'pid' | 'startTime' | 'pidNamespace'> {
  return { pid: process.pid, startTime: startTimeOf(process.pid) ?? '', pidNamespace: ownPidNamespace() }
}

/** What `pidNamespace` of a state file is compared with. */
export function ownPidNamespace(): string {
  return readlinkSync('/proc/self/ns/pid')
}

/**
 * Field 22 of /proc/PID/stat; null when there is no such process, or only what is left of it until its parent looks
 * (some init processes take their time). The name in field 2 may hold anything.
 */
export function startTimeOf(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null)
  } catch {
    return null
  }
}

/** Whether the daemon still runs, as far as can be told from this pid namespace. */
export function isAlive(state: MountState): boolean {
  return state.pidNamespace !== ownPidNamespace() || startTimeOf(state.pid) === state.startTime
}

/** Live mounts that the run directory `directory` knows, which is another's: nothing is removed. */
export function mountsKnownIn(directory: string): MountState[] {
  if (!isPrivate(directory, false)) return []
  const files = readdirSync(directory).filter((file) => file.endsWith('.json'))
  return files.flatMap((file) => readState(join(directory, file)) ?? []).filter(isAlive)
}

/** Every live mount of this user, oldest first. What the dead ones left is removed on the way. */
export function listMounts(): FoundMount[] {
  const found: FoundMount[] = []
  for (const directory of privateDirectories()) {
    for (const file of readdirSync(directory)) {
      if (!file.endsWith('.json')) continue
      const stem = join(directory, file.slice(0, -'.json'.length))
      const state = readState(`${stem}.json`)
      if (state !== null && isAlive(state)) found.push({ state, socket: `${stem}.sock` })
      else removeFiles(stem)
    }
  }
  return found.sort((a, b) => a.state.since.localeCompare(b.state.since))
}

/** A host that makes one mount after the other looks once in so long. */
const SWEEP_MS = 5_000
let sweptAt = 0

/**
 * Removes what dead daemons left in `directory`, which is the run directory. Every process does so when its mounts
 * begin: where nobody ever asks, as under a container runtime, they would gather. Files of a pid that runs are not even
 * read.
 */
export function sweepNowAndThen(directory: string): void {
  if (Date.now() - sweptAt < SWEEP_MS) return
  sweptAt = Date.now()
  sweepDead(directory)
}

/** The same, at once. */
export function sweepDead(directory: string): void {
  // A host has many files there, and is asked about once.
  const running = new Map([[process.pid, true]])
  const runs = (pid: number): boolean => {
    const known = running.get(pid) ?? startTimeOf(pid) !== null
    running.set(pid, known)
    return known
  }
  for (const file of readdirSync(directory)) {
    const pid = /\.(\d+)\.json$/.exec(file)?.[1]
    if (pid === undefined || runs(Number(pid))) continue
    const state = readState(join(directory, file))
    if (state === null || !isAlive(state)) removeFiles(join(directory, file.slice(0, -'.json'.length)))
  }
  sweepLogs(directory, readdirSync(directory), runs)
}

/** Null when the file is gone meanwhile, or is none of ours. */
function readState(path: string): MountState | null {
  try {
    const state = JSON.parse(readFileSync(path, 'utf8')) as Partial<MountState>
    return isComplete(state) ? state : null
  } catch {
    return null
  }
}

function isComplete(state: Partial<MountState>): state is MountState {
  const texts = [state.startTime, state.pidNamespace, state.device, state.mountpoint, state.since]
  const lowers: unknown = state.config?.lowers
  const soundLists = [state.options, lowers].every(
    (each) => Array.isArray(each) && each.every((one) => typeof one === 'string'),
  )
  return Number.isSafeInteger(state.pid) && texts.every((each) => typeof each === 'string') && soundLists
}
