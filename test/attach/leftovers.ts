/**
 * What may be left when a runtime has cleaned up after itself: nothing. Daemons of the program, mounts below the room
 * in every mount namespace there is, and the sockets and state files by which mounts are found. Cases run in a pid
 * namespace of their own, so whatever is seen here is theirs.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Scene, USER_ID } from './scene.js'

/** A daemon may take this long to sync and to go. */
const PATIENCE_MS = 5_000

const pause = (milliseconds: number): void =>
  void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)

function text(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

const pids = (): string[] => readdirSync('/proc').filter((name) => /^\d+$/.test(name))

/** Pids of the column's FUSE daemons. */
export function daemons(scene: Scene): number[] {
  const marks = scene.column === 'stratafs' ? ['background-main.cjs', 'launched-main.cjs'] : ['fuse-overlayfs']
  return pids()
    .filter((pid) => {
      // The player names the column among its words.
      if (Number(pid) === process.pid) return false
      // An option for Node may come before the script. After a while ours is one word with its arguments in it.
      const words = text(`/proc/${pid}/cmdline`).split('\0').slice(0, 3)
      return words[0]?.startsWith('stratafs ') || words.some((word) => marks.some((mark) => word.endsWith(mark)))
    })
    .map(Number)
}

/** Pids of the processes of this name, as /proc/PID/comm has it. */
export function processesNamed(name: string): number[] {
  return pids()
    .filter((pid) => text(`/proc/${pid}/comm`).trim() === name && !/^\S+ \(.*\) [ZX]/s.test(text(`/proc/${pid}/stat`)))
    .map(Number)
}

/**
 * Whether podman still cleans up after a container in the background: its monitor lives without one, or a podman does.
 */
function isCleaningUp(): boolean {
  const monitors = processesNamed('conmon')
  const idle = monitors.some((pid) => text(`/proc/${pid}/task/${pid}/children`).trim() === '')
  return idle || processesNamed('podman').length > 0
}

/**
 * Waits for podman's own processes in the background. Each podman of this version binds its storage onto itself and
 * detaches that when it ends, with all that another podman has mounted below meanwhile; which mount program it has is
 * all the same then.
 */
export function awaitPodman(): void {
  for (let waited = 0; isCleaningUp() && waited < PATIENCE_MS; waited += 20) pause(20)
}

/** Mountpoints of FUSE filesystems below the room, in any mount namespace. */
function mounts(scene: Scene): string[] {
  const tables = pids().map((pid) => text(`/proc/${pid}/mountinfo`))
  const points = tables.flatMap((table) =>
    table
      .split('\n')
      .filter((line) => line.includes(' - fuse.'))
      .map((line) => line.split(' ')[4]!),
  )
  return [...new Set(points.filter((point) => point.startsWith(scene.room)))]
}

const runDirectories = ['/run/stratafs', `/run/user/${USER_ID}/stratafs`]

const files = (): string[] =>
  runDirectories
    .filter((directory) => existsSync(directory))
    .flatMap((directory) => readdirSync(directory).map((file) => join(directory, file)))

/**
 * Logs of daemons that have gone: one that did not end well leaves its log. Takes them away; what they said, in one
 * text.
 */
export function takeLogsOfTheDead(): string {
  const logs = files().filter((file) => file.endsWith('.log') && !existsSync(`/proc/${file.split('.').at(-2)}`))
  const said = logs.map((log) => text(log)).join('')
  for (const log of logs) rmSync(log, { force: true })
  return said
}

/** Daemons, mounts and files, in words. */
function leftovers(scene: Scene): string[] {
  return [
    ...daemons(scene).map((pid) => `daemon ${pid} ${text(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').slice(0, 200)}`),
    ...mounts(scene).map((point) => `mount ${point}`),
    ...files()
      .filter((file) => !file.endsWith('.log'))
      .map((file) => `file ${file}`),
  ]
}

/** Throws when something is left after a while. */
export function expectNothingLeft(scene: Scene): void {
  const until = Date.now() + PATIENCE_MS
  while (leftovers(scene).length > 0 && Date.now() < until) pause(50)
  const left = leftovers(scene)
  if (left.length > 0) throw new Error(`left behind: ${left.join('; ')}`)
}
