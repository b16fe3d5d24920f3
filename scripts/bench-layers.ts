/**
 * What layers cost: `diff`, `commit` and `apply` on a tree of this machine, beside GNU tar on the same bytes and beside
 * podman with fuse-overlayfs on the same image, in turn, round by round. Prints medians in ms and ratios. Archives are
 * put on disk by both sides (GNU tar's by sync(1) behind it), since one that is not there after a crash is no archive.
 *
 * Usage: npm run bench:layers [-- [--rounds N] [--only diff|commit|apply|podman] [--tree DIR]]
 * As root; BENCH_DIR is where layers are made (default: the temp folder; it should lie on a disk).
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { diffStack } from '../src/oci/changes/diff.js'
import { LayerStack, SAME_IDS } from '../src/stack/layer-stack.js'
import { checkoutRoot } from './checkout.js'

const MAIN = join(checkoutRoot(), 'dist/src/cli/stratafs.cjs')
const TAR = ['--xattrs', '--xattrs-include=*', '--acls']

/** Milliseconds that a command takes. */
function timeOf(program: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): number {
  const start = performance.now()
  execFileSync(program, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  return performance.now() - start
}

const stratafs = (...args: string[]): number => timeOf(process.execPath, [MAIN, ...args])

function median(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[times.length >> 1]!
}

type Runs = Readonly<Record<string, () => number>>

/** Runs each in turn, `rounds` times after one that does not count; prints medians, with the ratio to the last one. */
function compare(label: string, rounds: number, runs: Runs): void {
  const times = new Map(Object.keys(runs).map((name) => [name, [] as number[]]))
  for (let round = 0; round <= rounds; round++)
    for (const [name, run] of Object.entries(runs)) {
      const time = run()
      if (round > 0) times.get(name)!.push(time)
    }
  const reference = median([...times.values()].at(-1)!)
  for (const [name, all] of times) {
    const own = median(all)
    console.log(
      `${label.padEnd(34)} ${name.padEnd(34)} ${own.toFixed(0).padStart(7)} ms  ${(own / reference).toFixed(2)}x`,
    )
  }
}

/** Ten changes in an image of 100,000 files. */
function benchDiff(base: string, rounds: number): void {
  const at = (name: string) => join(base, name)
  for (let directory = 0; directory < 100; directory++) {
    mkdirSync(join(at('lower'), `d${directory}/sub`), { recursive: true })
    for (let file = 0; file < 1000; file++) writeFileSync(join(at('lower'), `d${directory}/sub/f${file}`), '')
  }
  for (const name of ['upper', 'work', 'merged']) mkdirSync(at(name))
  stratafs('mount', '--lower', at('lower'), '--upper', at('upper'), '--work', at('work'), at('merged'))
  try {
    for (let i = 0; i < 5; i++) writeFileSync(join(at('merged'), `d${i * 7}/sub/f${i}`), 'changed')
    for (let i = 0; i < 5; i++) rmSync(join(at('merged'), `d${i * 9 + 1}/sub/f${i}`))
    const within = (): number => {
      const start = performance.now()
      const stack = LayerStack.open({
        upper: at('upper'),
        work: at('work'),
        lowers: [at('lower')],
        prefix: 'trusted.overlay.',
        redirectDir: 'on',
        uids: SAME_IDS,
        gids: SAME_IDS,
      })
      diffStack(stack)
      stack.close()
      return performance.now() - start
    }
    compare('diff, 100,000 files, 10 changes', rounds, {
      'stratafs diff, after its start': within,
      'stratafs diff': () => stratafs('diff', at('merged')),
      'stratafs --version (the start)': () => stratafs('--version'),
    })
  } finally {
    stratafs('unmount', at('merged'))
  }
}

/** The tree as an upper directory over an empty layer, so that both sides write the same files. */
function benchCommit(base: string, tree: string, rounds: number): void {
  const out = join(base, 'out.tar')
  mkdirSync(join(base, 'empty'))
  execFileSync('cp', ['-a', tree, join(base, 'upper')])
  const ours = (...more: string[]) =>
    stratafs('commit', '--upper', join(base, 'upper'), '--lower', join(base, 'empty'), '--output', out, ...more)
  const theirs = (...more: string[]) => {
    const words = [...TAR, ...more, '-cf', out, '-C', join(base, 'upper'), '.']
    return timeOf('tar', words) + timeOf('sync', [out])
  }
  compare(`commit of ${tree}`, rounds, { 'stratafs commit': () => ours(), 'tar -c, sync': () => theirs() })
  compare(`commit of ${tree}, gzip`, 1, {
    'stratafs commit --compression gzip': () => ours('--compression', 'gzip'),
    'tar -cz, sync': () => theirs('-z'),
  })
  rmSync(join(base, 'upper'), { recursive: true })
}

function benchApply(base: string, tree: string, rounds: number): void {
  const archive = join(base, 'tree.tar')
  execFileSync('tar', [...TAR, '-cf', archive, '-C', tree, '.'])
  const to = join(base, 'applied')
  const fresh = (unpack: () => number): number => {
    const time = unpack()
    rmSync(to, { recursive: true })
    return time
  }
  compare(`apply of ${tree}`, rounds, {
    'stratafs apply': () => fresh(() => stratafs('apply', archive, to)),
    'stratafs apply --volatile': () => fresh(() => stratafs('apply', archive, to, '--volatile')),
    'tar -x': () =>
      fresh(() => {
        mkdirSync(to)
        return timeOf('tar', [...TAR, '-xpf', archive, '-C', to])
      }),
  })
  rmSync(archive)
}

/** The same image and the same changes in podman's store, its driver fuse-overlayfs, and in ours. */
function benchPodman(base: string, tree: string, rounds: number): void {
  const env = {
    ...process.env,
    CONTAINERS_CONF: join(base, 'containers.conf'),
    CONTAINERS_STORAGE_CONF: join(base, 'storage.conf'),
    STRATAFS_STORE: join(base, 'store'),
  }
  writeFileSync(env.CONTAINERS_CONF, '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n')
  const program = execFileSync('sh', ['-c', 'command -v fuse-overlayfs'], { encoding: 'utf8' }).trim()
  writeFileSync(
    env.CONTAINERS_STORAGE_CONF,
    `[storage]\ndriver = "overlay"\ngraphroot = "${base}/graph"\nrunroot = "${base}/pod"\n[storage.options.overlay]\nmount_program = "${program}"\n`,
  )
  const sh = (script: string): string =>
    execFileSync('sh', ['-ec', script], { cwd: base, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  const changes =
    'mkdir -p $m/new && cp -a /usr/lib/python3 $m/new/ && rm -rf $m/doc && for i in 1 2 3; do echo $i > $m/f$i; done'
  sh(`tar -C ${tree} -cf tree.tar . && podman import -q tree.tar bench >/dev/null`)
  const own = `"${process.execPath}" "${MAIN}"`
  sh(
    `${own} image import tree.tar images:base --compression none && mkdir m && ${own} image mount images:base m && m=m && ${changes}`,
  )
  try {
    sh(
      `c=$(podman create -q bench /x 2>/dev/null || podman create bench /x); echo $c > id; m=$(podman mount $c) && ${changes}`,
    )
    const timed = (script: string) => timeOf('sh', ['-ec', `cd ${base}; ${script}`], env)
    compare('diff of a changed image', rounds, {
      'stratafs diff': () => timed(`${own} diff m`),
      'podman diff, fuse-overlayfs': () => timed('podman diff $(cat id)'),
    })
    compare('commit to an image', rounds, {
      'stratafs commit --compression none': () =>
        timed(`${own} image commit m images:next --base base --compression none`),
      'podman commit, fuse-overlayfs': () => timed('podman commit -q $(cat id) next'),
    })
  } finally {
    spawnSync('sh', ['-c', `${own} unmount m; podman unmount -a; podman rm -fa; podman rmi -fa; podman unmount -fa`], {
      cwd: base,
      env,
    })
  }
}

function main(): void {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      only: { type: 'string' },
      tree: { type: 'string', default: '/usr/share' },
    },
  })
  const rounds = Number(values.rounds)
  const base = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'stratafs-layers-'))
  const part = (name: string, run: (folder: string) => void): void => {
    if (values.only !== undefined && values.only !== name) return
    const folder = join(base, name)
    mkdirSync(folder)
    run(folder)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    part('diff', (folder) => benchDiff(folder, rounds))
    part('commit', (folder) => benchCommit(folder, values.tree, rounds))
    part('apply', (folder) => benchApply(folder, values.tree, rounds))
    part('podman', (folder) => benchPodman(folder, values.tree, rounds))
  } finally {
    rmSync(base, { recursive: true, force: true })
  }
}

mkdirSync(process.env.BENCH_DIR ?? tmpdir(), { recursive: true })
main()
