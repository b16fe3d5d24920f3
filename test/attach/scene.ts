/**
 * Where attach cases act: a room with a small root filesystem and one configuration for each of two users, and a way to
 * run shell lines as one of them. A program's failure is an error with everything it said.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { documented } from './page.js'
import { makeRootfs } from './rootfs.js'

export type Column = 'stratafs' | 'fuse-overlayfs'
export type User = 'root' | 'user'

export const USER_ID = 4242

/** One of the two programs that are compared, under the names by which runtimes find it. */
export interface Program {
  readonly column: Column
  /** What a storage.conf names. */
  readonly path: string
  /** Directories that go before PATH: `fuse-overlayfs` is found there, and the program's own name. */
  readonly directories: readonly string[]
}

interface Said {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Longest time for one script: builds of a hundred layers take their time. */
const PATIENCE_MS = 240_000

export class Scene {
  readonly #rootfs: string

  constructor(
    readonly program: Program,
    /** Absolute; readable by everybody. */
    readonly room: string,
  ) {
    this.#rootfs = makeRootfs(room)
    for (const user of ['root', 'user'] as const) this.#configure(user)
  }

  get column(): Column {
    return this.program.column
  }

  /** The root filesystem as a directory, and as the tar that images are made of. */
  get rootfs(): string {
    return this.#rootfs
  }

  get tar(): string {
    return `${this.#rootfs}.tar`
  }

  /** A path in the room. */
  at(...parts: string[]): string {
    return join(this.room, ...parts)
  }

  /** Makes an empty directory in the room; its path. */
  directory(...parts: string[]): string {
    const path = this.at(...parts)
    mkdirSync(path, { recursive: true })
    return path
  }

  /** Runs shell lines to their end; what they printed, without the last newline. */
  sh(script: string, as: User = 'root'): string {
    const { status, stdout, stderr } = this.try(script, as)
    assert.equal(status, 0, `${script.trim()}\nended with ${status}: ${stderr}${stdout}`.slice(0, 1500))
    return stdout.replace(/\n$/, '')
  }

  /** Runs shell lines that may fail. */
  try(script: string, as: User = 'root'): Said {
    const identity = as === 'user' ? { uid: USER_ID, gid: USER_ID } : {}
    const options = {
      cwd: this.at(as),
      env: this.#environment(as),
      encoding: 'utf8' as const,
      input: '',
      timeout: PATIENCE_MS,
    }
    return spawnSync('bash', ['--norc', '-euo', 'pipefail', '-c', script], { ...options, ...identity })
  }

  /** Whether a command of this name can be found. */
  has(command: string): boolean {
    return this.try(`command -v ${command}`).status === 0
  }

  #environment(as: User): NodeJS.ProcessEnv {
    const home = this.at(as)
    return {
      PATH: [...this.program.directories, '/usr/sbin', '/usr/bin', '/sbin', '/bin'].join(':'),
      HOME: home,
      TMPDIR: join(home, 'tmp'),
      XDG_RUNTIME_DIR: as === 'root' ? '/run' : `/run/user/${USER_ID}`,
      CONTAINERS_CONF: join(home, 'containers.conf'),
      ...(as === 'root' ? { CONTAINERS_STORAGE_CONF: join(home, 'storage.conf') } : {}),
      STRATAFS_TEST_RUN: process.env.STRATAFS_TEST_RUN ?? '',
      STRATAFS_HOST_IDLE: '0',
      LC_ALL: 'C.UTF-8',
    }
  }

  /** The limits that this machine may have are answered here: low ones cannot be raised, and there is no systemd. */
  #configure(as: User): void {
    const home = this.directory(as)
    mkdirSync(join(home, 'tmp'), { recursive: true })
    const storage = documented('toml', as === 'root' ? 'runroot' : '"overlay"\n\n', {
      '/run/containers/storage': '/run/containers',
      '/var/lib/containers/storage': `${home}/storage`,
      '/usr/local/bin/stratafs': this.program.path,
    })
    const containers = [
      '[containers]',
      'default_ulimits = ["nofile=20000:20000","nproc=30000:30000"]',
      'netns = "host"',
      '[engine]',
      'cgroup_manager = "cgroupfs"',
      'events_logger = "file"',
      'runtime = "crun"',
    ]
    // An ordinary user's stands where the page says: named by a variable it would need roots of its own.
    const folder = as === 'root' ? home : join(home, '.config/containers')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'storage.conf'), storage)
    writeFileSync(join(home, 'containers.conf'), `${containers.join('\n')}\n`)
    const own = [home, ...['tmp', '.config', '.config/containers'].map((name) => join(home, name))]
    if (as === 'user') for (const path of own) chownSync(path, USER_ID, USER_ID)
  }
}
