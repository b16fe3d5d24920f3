/**
 * Mounts for tests, made by the command line in child processes, so that the test never serves what it touches. Each
 * workspace has its own layers and run directory and is taken away whatever happens: mounts, daemons, files.
 */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

export const MAIN = fileURLToPath(new URL('../../src/cli/stratafs.cjs', import.meta.url))

/** The command as an install links to it. */
export const LAUNCH = fileURLToPath(new URL('../../../native-bindings/build/Release/launch', import.meta.url))

/** Mounting directly takes root; elsewhere these tests say that they were skipped. */
export const needsRoot = {
  skip: process.getuid?.() === 0 && existsSync('/dev/fuse') ? false : 'needs root and /dev/fuse',
}

export interface Workspace {
  readonly root: string
  readonly top: string
  readonly base: string
  readonly upper: string
  readonly work: string
  readonly merged: string
  readonly runDirectory: string
  readonly env: NodeJS.ProcessEnv
  /** Runs the command line. */
  run(...args: string[]): SpawnSyncReturns<string>
  /** The options of a writable mount of both layers. */
  readonly options: string
  isMounted(): boolean
}

/** Two layers (`top` has `a`, `base` has `a` and `b`), an upper, a workdir and a mountpoint. */
export function workspace(t: TestContext): Workspace {
  const root = mkdtempSync(join(tmpdir(), 'stratafs-daemon-'))
  const at = (name: string) => join(root, name)
  for (const name of ['top', 'base', 'upper', 'work', 'merged']) mkdirSync(at(name))
  writeFileSync(at('top/a'), 'top a\n')
  writeFileSync(at('base/a'), 'base a\n')
  writeFileSync(at('base/b'), 'base b\n')
  // A host of launched mounts ends with the last of them.
  const env = { ...process.env, STRATAFS_RUN_DIR: at('run'), STRATAFS_HOST_IDLE: '0' }
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [MAIN, ...args], { cwd: root, encoding: 'utf8', env, timeout: 60_000 })
  const merged = at('merged')
  const isMounted = () => readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${merged} `)
  t.after(() => {
    for (const pid of daemonPids(at('run'))) if (isOf(pid, root)) endProcess(pid)
    for (const path of mountsUnder(root).reverse()) spawnSync('umount', ['-l', path])
    rmSync(root, { recursive: true, force: true })
  })
  const options = `lowerdir=${at('top')}:${at('base')},upperdir=${at('upper')},workdir=${at('work')}`
  const places = {
    root,
    top: at('top'),
    base: at('base'),
    upper: at('upper'),
    work: at('work'),
    merged,
    runDirectory: at('run'),
  }
  return { ...places, env, run, options, isMounted }
}

/** Mountpoints at and below `root`, in the order they were mounted. */
function mountsUnder(root: string): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  return lines.map((line) => line.split(' ')[4] ?? '').filter((path) => path.startsWith(`${root}/`))
}

/** The pids that the state files name. */
export function daemonPids(runDirectory: string): number[] {
  if (!existsSync(runDirectory)) return []
  const files = readdirSync(runDirectory).filter((file) => file.endsWith('.json'))
  return files.flatMap((file) => pidIn(join(runDirectory, file)) ?? [])
}

/** null where the mount has ended since its file was seen. */
function pidIn(file: string): number | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).pid as number
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** Whether the process is one of the workspace: its state file may be left, and its number another's by now. */
function isOf(pid: number, root: string): boolean {
  try {
    return ['environ', 'cmdline'].some((file) => readFileSync(`/proc/${pid}/${file}`, 'latin1').includes(root))
  } catch {
    return false
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone already.
  }
}

/** True when no process `pid` runs (a dead one that waits for its parent does not count). */
export function isGone(pid: number): boolean {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return 'ZX'.includes(text.charAt(text.lastIndexOf(')') + 2))
  } catch {
    return true
  }
}

/** Waits until `condition` holds; false after `milliseconds`. */
export async function eventually(condition: () => boolean, milliseconds: number): Promise<boolean> {
  for (const until = Date.now() + milliseconds; Date.now() < until; ) {
    if (condition()) return true
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return condition()
}
