/**
 * How fast the snapshotter and the differ are beside containerd's overlayfs and native ones, in one run, through a
 * private containerd: Prepare + Mounts + Remove, unpacking an image of five layers of real files, and the diff of 10
 * changed files in a snapshot of 100,000. As root; needs Debian's containerd.
 *
 * Usage: npm run bench:snapshotter [-- --rounds N] [--only calls|unpack|diff] [--without native]
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  applyLayer,
  type Contender,
  compare,
  connectAll,
  prepareMountRemove,
  unpackImage,
} from './bench-snapshotter/calls.js'
import { bigLayer, realLayers, type StoredLayer } from './bench-snapshotter/material.js'
import { checkoutRoot } from './checkout.js'

const CONTENDERS = ['stratafs', 'overlayfs', 'native'] as const
type Name = (typeof CONTENDERS)[number]

/** The parts of overlayfs's time that are to be reached. */
const GOALS: Readonly<Record<string, number>> = { calls: 1.5, unpack: 0.8, diff: 0.02 }

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}

function option(name: string): string | undefined {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? undefined : process.argv[at + 1]
}

function startDaemons(place: string): ChildProcess[] {
  const toml = `version = 2\nroot = "${place}/containerd"\nstate = "${place}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]\n  address = "${place}/c.sock"\n[proxy_plugins.stratafs]\n  type = "snapshot"\n  address = "${place}/s.sock"\n`
  writeFileSync(join(place, 'c.toml'), toml)
  const words = ['--root', `${place}/root`, '--address', `${place}/s.sock`, '--containerd', `${place}/c.sock`]
  const env = { ...process.env, STRATAFS_RUN_DIR: `${place}/run` }
  const own = [join(checkoutRoot(), 'scripts/stratafs'), 'snapshotter', ...words, '--log-level', 'warn']
  return [
    spawn(own[0]!, own.slice(1), { env, stdio: ['ignore', 'ignore', 'inherit'] }),
    spawn('containerd', ['-c', `${place}/c.toml`, '-l', 'error'], { stdio: 'ignore' }),
  ]
}

/** In each round. */
const CALLS = 30

type Figures = Map<string, Map<Name, number[]>>

async function measure(contenders: Map<Name, Contender>, rounds: number, only: string | undefined, place: string) {
  const figures: Figures = new Map()
  const note = (what: string, name: Name, ms: number) => {
    const row = figures.get(what) ?? new Map<Name, number[]>()
    figures.set(what, row.set(name, [...(row.get(name) ?? []), ms]))
  }
  const first = contenders.get('stratafs')!
  // Calls need layers, and not what is in them.
  const layers = only === 'diff' ? [] : await realLayers(place, first.content, only === 'calls' ? 1 : 40)
  for (let round = 0; round < rounds && layers.length > 0; round++) {
    for (const [name, one] of contenders) {
      const ms = await unpackImage(one, layers, `u${round}`)
      if (only !== 'calls') note('unpack', name, ms)
    }
    // In turns: this client is slow at first, and other programs on the machine come and go.
    for (let i = 0; i < CALLS && only !== 'unpack'; i++)
      for (const [name, one] of contenders)
        note('calls', name, await prepareMountRemove(one, `u${round}`, `c${round}-${i}`))
  }
  if (only === undefined || only === 'diff')
    await measureDiff(contenders, await bigLayer(place, first.content), rounds, note, place)
  return figures
}

async function measureDiff(
  contenders: Map<Name, Contender>,
  layer: StoredLayer,
  rounds: number,
  note: (what: string, name: Name, ms: number) => void,
  place: string,
): Promise<void> {
  for (const [, one] of contenders) await applyLayer(one, layer, '', 'big')
  for (let round = 0; round < rounds; round++)
    for (const [name, one] of contenders) note('diff', name, await compare(one, 'big', `d${round}`, join(place, 'mnt')))
}

function report(figures: Figures): boolean {
  let isReached = true
  const words = {
    calls: 'Prepare + Mounts + Remove',
    unpack: 'unpack of 5 layers',
    diff: 'diff of 10 of 100,000 files',
  }
  console.log(`\n${''.padEnd(30)}${CONTENDERS.map((name) => name.padStart(12)).join('')}   of overlayfs, goal`)
  for (const [what, row] of figures) {
    const ms = CONTENDERS.map((name) => median(row.get(name) ?? []))
    const ratio = ms[0]! / ms[1]!
    isReached &&= ratio <= GOALS[what]!
    const cells = ms.map((each) => `${each.toFixed(each < 100 ? 2 : 0)} ms`.padStart(12)).join('')
    console.log(`${words[what as keyof typeof words].padEnd(30)}${cells}   ${ratio.toFixed(3)}, at most ${GOALS[what]}`)
  }
  return isReached
}

async function main(): Promise<number> {
  if (process.env.BENCH_APART === undefined) {
    const words = ['-m', '-p', '-f', '--mount-proc', '--kill-child', process.execPath, ...process.argv.slice(1)]
    return spawnSync('unshare', words, { stdio: 'inherit', env: { ...process.env, BENCH_APART: '1' } }).status ?? 1
  }
  const place = mkdtempSync(join(process.env.TMPDIR ?? '/var/tmp', 'stratafs-bench-'))
  mkdirSync(join(place, 'mnt'))
  const daemons = startDaemons(place)
  const wanted = CONTENDERS.filter((name) => name !== option('without'))
  try {
    const contenders = await connectAll(wanted, place)
    const isReached = report(await measure(contenders, Number(option('rounds') ?? 3), option('only'), place))
    return isReached ? 0 : 1
  } finally {
    for (const daemon of daemons) daemon.kill('SIGKILL')
    execFileSync('bash', [
      '-c',
      `awk -v p=${place}/ 'index($5, p) == 1 { print $5 }' /proc/self/mountinfo | tac | xargs -r -n1 umount -l`,
    ])
    rmSync(place, { recursive: true, force: true })
  }
}

process.exit(await main())
