/**
 * The filesystems that are compared: kernel overlayfs, fuse-overlayfs, and stratafs without, with, and with a trusted
 * index. Each is mounted on the same layers with an empty upper of its own kind's making; a stratafs index is built
 * beforehand, and kept from mount to mount, as a container engine would.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { StratafsError } from '../../src/base/failure.js'
import { buildIndex, stackConfig } from '../../src/owner-index/api.js'
import { checkoutRoot } from '../checkout.js'

/** Layers in a directory `base`, by names relative to it, top first: mount options are one page at most. */
export interface Place {
  readonly base: string
  readonly lowers: readonly string[]
  readonly merged: string
}

export interface Subject {
  readonly name: string
  /** Makes upper and workdir. */
  prepare(place: Place): void | Promise<void>
  mount(place: Place): void
  unmount(place: Place): void
  /**
   * Whether files and directories are looked at where they lie, without a union: a measure of what any look at them
   * takes.
   */
  readonly bare?: true
}

/**
 * No filesystem: whoever promises to look at each file that it shows, and at each part of its directory, pays at least
 * this.
 */
const BARE: Subject = {
  name: 'looks, without a union',
  prepare: () => {},
  mount: () => {},
  unmount: () => {},
  bare: true,
}

const cli = join(checkoutRoot(), 'dist/src/cli/stratafs.cjs')

/** One subject's upper and workdir. */
function directories(name: string): { upper: string; work: string } {
  const stem = name.replace(/\W/g, '')
  return { upper: `u-${stem}`, work: `w-${stem}` }
}

function renew(place: Place, name: string): void {
  for (const directory of Object.values(directories(name))) {
    rmSync(join(place.base, directory), { recursive: true, force: true })
    mkdirSync(join(place.base, directory))
  }
}

function options(place: Place, name: string, more = ''): string {
  const { upper, work } = directories(name)
  return `lowerdir=${place.lowers.join(':')},upperdir=${upper},workdir=${work}${more}`
}

/** Where the index of a subject called `name` is. */
export function indexOf(place: Place, name: string): string {
  return join(place.base, directories(name).work, 'index.db')
}

function ours(word: 'off' | 'on' | 'immutable'): Subject {
  const name = `stratafs index=${word}`
  return {
    name,
    async prepare(place) {
      renew(place, name)
      if (word === 'off') return
      const stack = stackConfig(place.lowers.map((lower) => join(place.base, lower)))
      const built = await buildIndex(stack, indexOf(place, name))
      if (built instanceof StratafsError) throw new Error(built.message)
    },
    mount(place) {
      const words = [cli, '-o', options(place, name, `,index=${word}`), 'm']
      execFileSync(process.execPath, words, { cwd: place.base, stdio: 'inherit' })
    },
    // On a busy machine its end may take longer than the command waits.
    unmount: (place) => void spawnSync(process.execPath, [cli, 'unmount', place.merged]),
  }
}

function peer(name: string, mount: (words: string) => string[]): Subject {
  return {
    name,
    prepare: (place) => renew(place, name),
    mount(place) {
      const [program, ...words] = mount(options(place, name))
      execFileSync(program!, words, { cwd: place.base, stdio: ['ignore', 'ignore', 'pipe'] })
    },
    unmount: (place) => void execFileSync('umount', [place.merged]),
  }
}

/** All of them that this machine has; the first is what the others are held against. */
export function subjects(): Subject[] {
  const all = [
    peer('kernel overlayfs', (words) => ['mount', '-t', 'overlay', 'overlay', '-o', words, 'm']),
    peer('fuse-overlayfs', (words) => ['fuse-overlayfs', '-o', words, 'm']),
    ours('off'),
    ours('on'),
    ours('immutable'),
    BARE,
  ]
  const hasPeer = spawnSync('sh', ['-c', 'command -v fuse-overlayfs']).status === 0
  return all.filter(({ name }) => name !== 'fuse-overlayfs' || hasPeer)
}

/** Whether anything is left mounted at `place`, after a failure. */
export function unmountLeft(place: Place): void {
  if (existsSync(place.merged)) spawnSync('umount', ['-l', place.merged])
}
