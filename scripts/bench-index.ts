/**
 * What the number of layers costs: stacks of 1, 8, 64 and 200 layers are mounted by stratafs with and without its index, by
 * kernel overlayfs and by fuse-overlayfs, one after another in one run, and asked the same with cold caches: a walk with
 * stat, stats of files picked at random, lookups of names that are nowhere, and listings of directories that join many layers.
 * Prints a table, and each filesystem's time relative to kernel overlayfs. Also how fast a whole index is built.
 *
 * Usage: npm run bench:index [-- LAYERS…]     as root; BENCH_DIR is where layers are made (default: the temp folder).
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildIndex, stackConfig, statusOf } from '../src/index/api.js'
import { checkoutRoot } from './check-imports.js'

const SHARED_DIRECTORIES = 60
const FILES_PER_LAYER = 40
const TOTAL_OWN = 6000
const PICKS = 2000
const ROUNDS = 3
const SETTLE_MS = 2500

interface Place {
  readonly base: string
  readonly lowers: readonly string[]
  readonly merged: string
}

interface Subject {
  readonly name: string
  available(): boolean
  mount(place: Place): void
  unmount(place: Place): void
}

const cli = join(checkoutRoot(), 'dist/src/cli/main.js')
const run = (program: string, ...words: string[]): string => execFileSync(program, words, { encoding: 'utf8' })
const has = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
const sleep = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)

function options({ base, lowers }: Place, more = ''): string {
  return `lowerdir=${lowers.map((lower) => lower.slice(base.length + 1)).join(':')},upperdir=up,workdir=wk${more}`
}

/** Fresh upper and work for each mount; `index`: what is put into the workdir beforehand. */
function renew(place: Place): void {
  for (const name of ['up', 'wk']) {
    rmSync(join(place.base, name), { recursive: true, force: true })
    mkdirSync(join(place.base, name))
  }
}

const ours = (name: string, word: string): Subject => ({
  name,
  available: () => true,
  mount(place) {
    renew(place)
    if (word !== 'off') {
      const built = buildIndex(stackConfig(place.lowers), join(place.base, 'wk/index.db'))
      if ('error' in built) throw new Error(built.error)
    }
    execFileSync(process.execPath, [cli, '-o', options(place, `,index=${word}`), place.merged], { cwd: place.base })
    sleep(500)
  },
  unmount: (place) => void run(process.execPath, cli, 'unmount', place.merged),
})

const subjects: readonly Subject[] = [
  {
    name: 'kernel overlayfs',
    available: () => true,
    mount(place) {
      renew(place)
      execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', options(place), 'm'], { cwd: place.base })
    },
    unmount: (place) => void run('umount', place.merged),
  },
  {
    name: 'fuse-overlayfs',
    available: () => has('fuse-overlayfs'),
    mount(place) {
      renew(place)
      execFileSync('fuse-overlayfs', ['-o', options(place), 'm'], { cwd: place.base })
    },
    unmount: (place) => void run('umount', place.merged),
  },
  ours('stratafs index=off', 'off'),
  ours('stratafs index=on', 'on'),
  ours('stratafs immutable', 'immutable'),
]

/** The same number of files whatever the number of layers: directories that all layers share, and some of their own. */
function makeLayers(base: string, count: number): Place {
  const lowers: string[] = []
  for (let layer = 0; layer < count; layer++) {
    const root = join(base, String(layer))
    for (let at = layer; at < SHARED_DIRECTORIES; at += Math.max(1, Math.floor(count / 8))) fill(root, layer, at, count)
    for (let at = 0; at < Math.ceil(TOTAL_OWN / FILES_PER_LAYER / count); at++) {
      const own = join(root, `opt/l${layer}/d${at}`)
      mkdirSync(own, { recursive: true })
      for (let file = 0; file < FILES_PER_LAYER; file++) writeFileSync(join(own, `f${file}`), 'x')
    }
    mkdirSync(root, { recursive: true })
    lowers.push(root)
  }
  mkdirSync(join(base, 'm'))
  return { base, lowers, merged: join(base, 'm') }
}

function fill(root: string, layer: number, at: number, count: number): void {
  const directory = join(root, `usr/share/s${at % SHARED_DIRECTORIES}`)
  mkdirSync(directory, { recursive: true })
  const files = Math.max(1, Math.round(40 / Math.min(count, 8)))
  for (let file = 0; file < files; file++) writeFileSync(join(directory, `l${layer}-${file}`), 'x')
}

function walk(directory: string, files: string[], directories: string[]): void {
  directories.push(directory)
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) walk(path, files, directories)
    else files.push(path)
  }
}

/** Forgets names and inodes, ours and the kernel's; file data may stay. */
const forget = (): void => {
  execFileSync('sync')
  writeFileSync('/proc/sys/vm/drop_caches', '2')
}

function timed(act: () => void): number {
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    forget()
    const start = process.hrtime.bigint()
    act()
    times.push(Number(process.hrtime.bigint() - start) / 1e6)
  }
  return times.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]!
}

function pick<T>(from: readonly T[], count: number): T[] {
  let seed = 12345
  return Array.from({ length: count }, () => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 1
    return from[seed % from.length]!
  })
}

function measure(place: Place): Record<string, number> {
  const files: string[] = []
  const directories: string[] = []
  walk(place.merged, files, directories)
  const chosen = pick(files, PICKS)
  const absent = pick(directories, PICKS).map((directory, at) => join(directory, `no${at}`))
  const joined = directories.filter((directory) => directory.includes('/usr/share') || directory === place.merged)
  return {
    find: timed(() => void run('find', place.merged, '-printf', '%s')),
    'random stat': timed(() => {
      for (const path of chosen) lstatSync(path)
    }),
    negative: timed(() => {
      for (const path of absent) lstatSync(path, { throwIfNoEntry: false })
    }),
    readdir: timed(() => {
      for (const path of joined) readdirSync(path)
    }),
  }
}

function benchStack(base: string, count: number): void {
  const place = makeLayers(base, count)
  sleep(SETTLE_MS)
  const results: [string, Record<string, number>][] = []
  for (const subject of subjects.filter((each) => each.available())) {
    try {
      subject.mount(place)
    } catch (error) {
      console.log(`${count} layers: ${subject.name} cannot mount (${String(error).split('\n')[0]})`)
      continue
    }
    try {
      results.push([subject.name, measure(place)])
    } finally {
      subject.unmount(place)
    }
  }
  print(count, results)
}

function print(count: number, results: readonly [string, Record<string, number>][]): void {
  const kernel = results.find(([name]) => name === 'kernel overlayfs')?.[1]
  for (const [name, times] of results) {
    const cells = Object.entries(times).map(([what, ms]) => {
      const ratio = kernel === undefined ? '' : ` (${(ms / kernel[what]!).toFixed(2)}x)`
      return `${what} ${ms.toFixed(1)} ms${ratio}`
    })
    console.log(`${String(count).padStart(3)} layers  ${name.padEnd(20)} ${cells.join('  ')}`)
  }
}

/** How many entries a second a build reads, over the layers of this machine's own /usr beside a small one. */
function benchBuild(base: string): void {
  const small = join(base, 'small')
  mkdirSync(join(small, 'bin'), { recursive: true })
  const path = join(base, 'build.db')
  for (let round = 0; round < 2; round++) {
    const start = Date.now()
    const built = buildIndex(stackConfig([small, '/usr']), path)
    if ('error' in built) return console.log(built.error)
    const seconds = (Date.now() - start) / 1000
    const bytes = statusOf(path).bytes / built.entries
    const rate = Math.round(built.entries / seconds)
    console.log(
      `build: ${built.entries} entries in ${seconds.toFixed(2)} s, ${rate} a second, ${bytes.toFixed(0)} bytes each`,
    )
  }
}

const base = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'stratafs-bench-'))
try {
  const counts = process.argv.slice(2).map(Number)
  for (const count of counts.length > 0 ? counts : [1, 8, 64, 200]) {
    const stack = join(base, `n${count}`)
    mkdirSync(stack)
    benchStack(stack, count)
  }
  benchBuild(base)
} finally {
  rmSync(base, { recursive: true, force: true })
}
