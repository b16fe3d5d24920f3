/**
 * What is asked of each filesystem, and how its time is taken. Every time is that of a fresh mount, when the kernel has
 * forgotten either names, or everything.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { lstatSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Place, Subject } from './subjects.js'

const PICKS = 2000

/** What one stack is asked for: paths relative to the merged root. */
export interface Errands {
  readonly picked: readonly string[]
  readonly absent: readonly string[]
  readonly directories: readonly string[]
  /**
   * What index=on promises to look at for each measure, below the folder of the layers: files in the topmost layer that
   * has them, and what the directories are made of that are come to.
   */
  readonly looks: Readonly<Record<Measure, readonly string[]>>
}

/** For whom nothing can be mounted. */
export const NO_ERRANDS: Errands = {
  picked: [],
  absent: [],
  directories: [],
  looks: { find: [], 'random stat': [], negative: [], readdir: [] },
}

export const MEASURES = {
  find: (root: string) => void execFileSync('find', [root, '-printf', '%s\n'], { stdio: 'ignore' }),
  'random stat': (root: string, { picked }: Errands) => statEach(root, picked),
  negative: (root: string, { absent }: Errands) => statEach(root, absent),
  readdir: (root: string, { directories }: Errands) => {
    for (const path of directories) readdirSync(join(root, path))
  },
} as const

/**
 * As stat(1) asks, without the time of birth: the kernel has to fetch that from a FUSE daemon by a request of its own.
 */
function statEach(root: string, paths: readonly string[]): void {
  spawnSync('xargs', ['-d', '\\n', 'stat', '-c', '%s'], {
    cwd: root,
    input: paths.join('\n'),
    stdio: ['pipe', 'ignore', 'ignore'],
  })
}

export type Measure = keyof typeof MEASURES

/** Chooses, once for all subjects, what to ask for, from what the mounted tree shows. */
export function planErrands({ base, lowers, merged: root }: Place): Errands {
  const files: string[] = []
  const directories: string[] = []
  walk(root, '', files, directories)
  const absent = pick(directories, PICKS).map((directory, at) => join(directory, `no-such-${at}`))
  const picked = pick(files, PICKS)
  return { picked, absent, directories, looks: planLooks({ base, lowers }, { files, directories, picked, absent }) }
}

type Asked = Readonly<Record<'files' | 'directories' | 'picked' | 'absent', readonly string[]>>

function planLooks({ base, lowers }: Pick<Place, 'base' | 'lowers'>, asked: Asked): Errands['looks'] {
  const { files, directories, picked, absent } = asked
  const isIn = (path: string) => (lower: string) => existsIn(join(base, lower, path))
  const lying = new Map(files.map((path) => [path, join(lowers.find(isIn(path)) ?? '', path)]))
  const parts = new Map(directories.map((path) => [path, lowers.filter(isIn(path)).map((lower) => join(lower, path))]))
  const come = (to: readonly string[]): string[] => [...new Set(to)].flatMap((path) => parts.get(path) ?? [])
  const parents = (paths: readonly string[]): string[] => come(paths.map((path) => dirname(`/${path}`).slice(1)))
  return {
    find: [...come(directories), ...lying.values()],
    'random stat': [...parents(picked), ...picked.map((path) => lying.get(path)!)],
    negative: parents(absent),
    readdir: come(directories),
  }
}

function existsIn(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined
  } catch {
    // On the way to it stands a file.
    return false
  }
}

function walk(root: string, path: string, files: string[], directories: string[]): void {
  directories.push(path)
  for (const entry of readdirSync(join(root, path), { withFileTypes: true })) {
    const inside = join(path, entry.name)
    if (entry.isDirectory()) walk(root, inside, files, directories)
    else files.push(inside)
  }
}

/** The same choice in every run. */
function pick<T>(from: readonly T[], count: number): T[] {
  let seed = 12345
  return Array.from({ length: count }, () => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
    return from[(seed >>> 8) % from.length]!
  })
}

/**
 * What is forgotten before a time is taken. `names`: after a walk over the layers themselves, names and inodes
 * (`echo 2 > /proc/sys/vm/drop_caches`), while the disk's blocks are in memory, so that nobody pays for the disk's
 * moods. `all`: the blocks, too (`echo 3`), as after a boot, or when a machine's memory was needed for something else.
 */
export const FORGOTTEN = ['names', 'all'] as const

export type Forgotten = (typeof FORGOTTEN)[number]

function forget({ base, lowers }: Place, what: Forgotten): void {
  const roots = lowers.map((lower) => join(base, lower))
  if (what === 'names') execFileSync('find', [...roots, '-printf', '%s'], { stdio: 'ignore' })
  execFileSync('sync')
  writeFileSync('/proc/sys/vm/drop_caches', what === 'names' ? '2' : '3')
}

/** Milliseconds that `measure` takes of a fresh mount when the kernel has forgotten `what`. */
export function timeOf(subject: Subject, place: Place, measure: Measure, errands: Errands, what: Forgotten): number {
  subject.mount(place)
  try {
    // Whoever goes to the background is given the time to get there.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
    forget(place, what)
    const start = process.hrtime.bigint()
    if (subject.bare) statEach(place.base, errands.looks[measure])
    else MEASURES[measure](place.merged, errands)
    return Number(process.hrtime.bigint() - start) / 1e6
  } finally {
    subject.unmount(place)
  }
}

export function median(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[times.length >> 1]!
}
