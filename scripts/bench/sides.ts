/**
 * The filesystems that are measured beside each other: kernel overlayfs, which everything is a multiple of; programs
 * with fuse-overlayfs's command line; and this project's own in its data modes. A side says how a mount is made and
 * ended, and in what surroundings the work on it runs. What cannot be had here is left out, with the reason.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { checkoutRoot } from '../checkout.js'
import { deviceHolders, gone } from './daemons.js'
import type { Namespace } from './namespace.js'
import { mustRun, run } from './processes.js'
import type { Workload } from './workload.js'

/** What is to be mounted. Lowers are given top first. */
export interface Layers {
  readonly lowers: readonly string[]
  readonly upper: string
  readonly work: string
  readonly merged: string
  /** What the workload wants of the mount; see there. */
  readonly wishes?: Pick<Workload, 'metacopy' | 'own' | 'indexed'>
}

/** A mount that stands; `daemons` are the processes that serve it. */
export interface Mounted {
  readonly daemons: readonly number[]
  /** Seconds that the command took, without looking for its daemons. */
  readonly took: number
  end(): Promise<void>
}

export interface Side {
  readonly name: string
  /** What it is, for the page. */
  readonly about: string
  /**
   * The command, to be wrapped, that tells how many requests a mount of it has answered; absent: they are not counted.
   */
  readonly counting?: readonly string[]
  /** Puts whatever surroundings it needs around a command. */
  wrap(argv: readonly string[]): string[]
  mount(layers: Layers): Promise<Mounted>
}

const bare = (argv: readonly string[]): string[] => [...argv]

function layerOptions({ lowers, upper, work }: Layers): string {
  return `lowerdir=${lowers.join(':')},upperdir=${upper},workdir=${work}`
}

/** Kernel overlayfs with the features that the others offer by default. */
export function kernelOverlayfs(): Side {
  return {
    name: 'overlayfs',
    about: 'kernel overlayfs: redirect_dir=on,index=on (metacopy=on where the workload says so)',
    wrap: bare,
    async mount(layers) {
      const extra = layers.wishes?.metacopy === true ? 'metacopy=on' : 'metacopy=off'
      const options = `${layerOptions(layers)},redirect_dir=on,index=on,${extra}`
      const took = await timed(['mount', '-t', 'overlay', 'overlay', '-o', options, layers.merged])
      return { daemons: [], took, end: async () => void (await mustRun(['umount', layers.merged])) }
    },
  }
}

/** A program that mounts as fuse-overlayfs does; `extra` are further mount options. */
export function program(name: string, argv: readonly string[], about: string, extra = '', within?: Namespace): Side {
  const wrap = within === undefined ? bare : (command: readonly string[]) => within.enter(command)
  return {
    name,
    about,
    wrap,
    async mount(layers) {
      const before = new Set(deviceHolders())
      const own = name.startsWith('stratafs')
      if (own && layers.wishes?.indexed === true) await mustRun(wrap([...argv, ...indexBuild(layers)]))
      // Beside the rows that mounts share, this makes the metadata image.
      if (extra.includes('index=immutable')) await mustRun(wrap([...argv, 'index', 'build', ...lowerWords(layers)]))
      const wished = own ? ownOptions(layers) : ''
      const took = await timed(wrap([...argv, '-o', `${layerOptions(layers)}${wished}${extra}`, layers.merged]))
      const daemons = deviceHolders().filter((pid) => !before.has(pid))
      return { daemons, took, end: () => unmount(wrap, layers.merged, daemons) }
    },
  }
}

async function timed(argv: readonly string[]): Promise<number> {
  const begin = performance.now()
  await mustRun(argv)
  return (performance.now() - begin) / 1000
}

function ownOptions({ wishes }: Layers): string {
  return `${wishes?.metacopy === true ? ',metacopy=on' : ''}${wishes?.own === undefined ? '' : `,${wishes.own}`}`
}

function indexBuild(layers: Layers): string[] {
  return ['index', 'build', ...lowerWords(layers), '--work', layers.work]
}

function lowerWords({ lowers }: Layers): string[] {
  return lowers.flatMap((lower) => ['--lower', lower])
}

async function unmount(wrap: Side['wrap'], merged: string, daemons: readonly number[]): Promise<void> {
  await mustRun(wrap(['umount', merged]))
  await gone(daemons)
}

/** This checkout's command as an install links to it; where that was not built, run by the Node that runs this. */
export function ownCommand(): string[] {
  const launcher = join(checkoutRoot(), 'native-bindings/build/Release/launch')
  return existsSync(launcher) ? [launcher] : [process.execPath, join(checkoutRoot(), 'dist/src/cli/stratafs.cjs')]
}

/** Whether our mount takes `-o data=MODE`. Pretends only: nothing is mounted. */
export async function hasDataMode(mode: string): Promise<boolean> {
  const argv = [...ownCommand(), 'mount', '--lower', '/', '-o', `data=${mode}`, '/nonexistent']
  const { errors } = await run(argv)
  return !errors.includes('data=') && !errors.includes('unknown option')
}
