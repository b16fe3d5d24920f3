/** The ways in which people keep a tree as it is, and go back to it: each keeps the tree `tree` once, then restores. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createBranch, createSnapshot, mount, removeBranch, restoreSnapshot } from '../../src/index.js'
import { checkoutRoot } from '../checkout.js'
import { docker } from './docker.js'
import { type Contender, fill, has, run } from './places.js'

const needs = (program: string): string | null => (has(program) ? null : `${program} is missing`)

/** A copy beside it. */
function copied(name: string, type: 'btrfs' | 'xfs' | null, ...options: string[]): Contender {
  return {
    name,
    missing: type === null ? null : needs(`mkfs.${type}`),
    async prepare(ground, count) {
      const place = type === null ? join(ground.at, 'copied') : ground.image(type)
      const [at, copy] = [join(place, 'tree'), join(place, 'copy')]
      fill(at, count)
      return {
        at,
        keep: async () => void run('cp', '-a', ...options, at, copy),
        async restore() {
          run('rm', '-rf', at)
          run('cp', '-a', ...options, copy, at)
        },
        end: async () => undefined,
      }
    },
  }
}

const archived: Contender = {
  name: 'tar',
  missing: null,
  async prepare(ground, count) {
    const [at, archive] = [join(ground.at, 'archived'), join(ground.at, 'kept.tar')]
    fill(at, count)
    return {
      at,
      keep: async () => void run('tar', '-C', at, '-cf', archive, '.'),
      async restore() {
        run('rm', '-rf', at)
        mkdirSync(at)
        run('tar', '-C', at, '-xf', archive)
      },
      end: async () => undefined,
    }
  },
}

const subvolume: Contender = {
  name: 'btrfs subvolume snapshot',
  missing: needs('mkfs.btrfs'),
  async prepare(ground, count) {
    const place = ground.image('btrfs')
    const [at, kept, old] = [join(place, 'tree'), join(place, 'kept'), join(place, 'old')]
    run('btrfs', 'subvolume', 'create', at)
    fill(at, count)
    run('sync', '-f', at)
    return {
      at,
      keep: async () => void run('btrfs', 'subvolume', 'snapshot', at, kept),
      branch: async () => void run('btrfs', 'subvolume', 'snapshot', at, join(place, 'two')),
      async restore() {
        run('mv', at, old)
        run('btrfs', 'subvolume', 'snapshot', kept, at)
        run('btrfs', 'subvolume', 'delete', old)
      },
      end: async () => undefined,
    }
  },
}

const podman: Contender = {
  name: 'podman commit, create',
  missing: needs('podman'),
  async prepare(ground, count) {
    const home = join(ground.at, 'podman')
    const own = ['--root', join(home, 'root'), '--runroot', join(home, 'run'), '--storage-driver', 'overlay']
    const tell = (...words: string[]): string => run('podman', ...own, ...words).trim()
    mkdirSync(join(home, 'empty/etc'), { recursive: true })
    run('tar', '-C', join(home, 'empty'), '-cf', join(home, 'empty.tar'), '.')
    tell('import', join(home, 'empty.tar'), 'base')
    tell('create', '--name', 'one', 'base', '/none')
    fill(join(tell('mount', 'one'), 'tree'), count)
    return {
      at: tell('mount', 'one'),
      keep: async () => void tell('commit', '-q', 'one', 'kept'),
      async restore() {
        tell('rm', '-f', 'one')
        tell('create', '--name', 'one', 'kept', '/none')
        tell('mount', 'one')
      },
      async end() {
        spawnSync('podman', [...own, 'rm', '-af'])
        spawnSync('podman', [...own, 'rmi', '-af'])
        spawnSync('umount', ['-l', join(home, 'root/overlay')])
      },
    }
  },
}

/** `command`: as a person calls it; otherwise what the library takes. */
function ours(name: string, command: boolean): Contender {
  return {
    name,
    missing: null,
    async prepare({ at: ground }, count) {
      const [merged, upper] = [join(ground, 'merged'), join(ground, 'upper')]
      for (const each of ['merged', 'base', 'work']) mkdirSync(join(ground, each))
      writeFileSync(join(ground, 'base/below'), '')
      fill(upper, count)
      const mounted = await mount(merged, { lower: [join(ground, 'base')], upper, work: join(ground, 'work') })
      // The kernel and the engine know every file.
      run('find', merged, '-size', '+9999')
      const tell = (...words: string[]): string => run(join(checkoutRoot(), 'scripts/stratafs'), ...words)
      const place = join(ground, 'branch')
      mkdirSync(place)
      return {
        at: merged,
        keep: async () =>
          void (command ? tell('snapshot', 'create', merged, 'one') : await createSnapshot(merged, { name: 'one' })),
        restore: async () =>
          void (command ? tell('snapshot', 'restore', merged, 'one') : await restoreSnapshot(merged, 'one')),
        branch: async () =>
          void (command ? tell('branch', 'create', merged, 'two', place) : await createBranch(merged, 'two', place)),
        async end() {
          await removeBranch(merged, 'two')
          await mounted.unmount()
          for (const each of ['merged', 'branch', 'upper', 'work', 'base'])
            rmSync(join(ground, each), { recursive: true, force: true })
        },
      }
    },
  }
}

/** Ours first. */
export const contenders: readonly Contender[] = [
  ours('stratafs, library call', false),
  ours('stratafs, command', true),
  subvolume,
  copied('cp -a --reflink, btrfs', 'btrfs', '--reflink=always'),
  copied('cp -a --reflink, XFS', 'xfs', '--reflink=always'),
  copied('cp -a', null),
  archived,
  podman,
  docker,
]
