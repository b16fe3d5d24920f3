/** Where a mount is made and used: by root as everything here is, in a user namespace, or by an ordinary user. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Namespace } from '../bench/namespace.js'
import { endAll } from '../bench/processes.js'

const NOBODY = 65534
const READY_MS = 10_000

export interface Surroundings {
  readonly name: string
  /** Puts what it takes around a command. */
  wrap(argv: readonly string[]): readonly string[]
  /** Lower directories can be renamed. */
  readonly movesAll: boolean
  readonly unmount: readonly string[]
  /** Whatever is still open in it. */
  readonly lazily: readonly string[]
  /** Before the mount is made: everything below `root` is to be used in it. */
  give(root: string): void
  end(): void
}

export const AS_ROOT: Surroundings = {
  name: 'root',
  wrap: (argv) => argv,
  movesAll: true,
  unmount: ['umount'],
  lazily: ['umount', '-l'],
  give: () => {},
  end: () => {},
}

/** A user namespace, in which root has no power over the machine. */
async function inNamespace(): Promise<Surroundings> {
  const namespace = await Namespace.make()
  return { ...AS_ROOT, movesAll: false, name: 'user namespace', wrap: (argv) => namespace.enter(argv), end: endAll }
}

/** An ordinary user, who mounts by fusermount3, with a device of his own where the machine's is not for him. */
async function asUser(): Promise<Surroundings> {
  const node = join(fs.mkdtempSync('/tmp/stratafs-kill-user-'), 'fuse')
  execFileSync('mknod', [node, 'c', '10', '229'])
  fs.chmodSync(node, 0o666)
  const others = "awk '$3 ~ /^fuse/ { print $2 }' /proc/self/mounts | xargs -r -n1 umount -l"
  const make = `${others}; mount --bind "$0" /dev/fuse && echo ready && exec sleep infinity`
  const words = ['--mount', '--propagation', 'private', 'sh', '-c', make, node]
  const keeper = spawn('unshare', words, { stdio: ['ignore', 'pipe', 'inherit'] })
  await Promise.race([new Promise((resolve) => keeper.stdout.once('data', resolve)), sleep(READY_MS)])
  const user = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', 'env', 'HOME=/nonexistent']
  return {
    name: 'ordinary user',
    wrap: (argv) => ['nsenter', '-t', String(keeper.pid), '-m', ...user, ...argv],
    movesAll: true,
    unmount: ['fusermount3', '-u'],
    lazily: ['fusermount3', '-uz'],
    give: (root) => void execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, root]),
    end: () => end(keeper, node),
  }
}

function end(keeper: ChildProcess, node: string): void {
  keeper.kill('SIGKILL')
  fs.rmSync(join(node, '..'), { recursive: true, force: true })
}

const isThere = (...programs: string[]): boolean => programs.every((name) => spawnSync('which', [name]).status === 0)

/** Those that can be had here, by name. */
export async function surroundingsNamed(name: string): Promise<Surroundings | null> {
  if (name === AS_ROOT.name) return AS_ROOT
  if (name === 'user namespace') return inNamespace().catch(() => null)
  return isThere('fusermount3', 'setpriv', 'unshare', 'nsenter') ? asUser() : null
}
