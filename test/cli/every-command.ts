/** Every command there is, read from the helps, and for tests over all of them a call of each that prints. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MAIN, needsRoot, type Workspace, workspace } from '../daemon/harness.js'

/** Those of no output of their own: they print how others are used. */
const ABOUT_COMMANDS = ['help', 'completion']

export function helpOf(...words: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...words, '--help'], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return stdout
}

/** The commands that the help of `words` lists. */
function listed(...words: string[]): string[] {
  const path = ['stratafs', ...words].join(' ')
  const section = /\nCommands:\n([\s\S]*?)\n\n/.exec(helpOf(...words))?.[1] ?? ''
  const lines = section.split('\n').filter((line) => line.startsWith(`  ${path} `))
  return lines.map((line) => [...words, line.slice(path.length + 3).split(' ')[0]!].join(' '))
}

/** `mount`, `image list` and so on, but for `help` and `completion`. */
export function everyCommand(): string[] {
  const commands = listed().filter((command) => !ABOUT_COMMANDS.includes(command))
  return commands.flatMap((command) => {
    const inner = listed(command)
    return inner.length === 0 ? [command] : inner
  })
}

/**
 * How each prints, in the order in which they can follow each other. What is named stands after `--`, which ends the
 * options.
 */
export const calls: Readonly<Record<string, string>> = {
  mount: 'mount --json -o changelog=1 --lower lower --upper upper -- m',
  inspect: 'inspect -- m',
  stats: 'stats -- m',
  list: 'list --',
  health: 'health --',
  host: 'host -- status',
  limit: 'limit --size 1G -- m',
  log: 'log --json -- m',
  which: 'which -- m/a',
  ls: 'ls -- m',
  du: 'du -- m',
  'index build': 'index build -- m',
  'index verify': 'index verify -- m',
  'index status': 'index status -- m',
  'index drop': 'index drop -- m',
  diff: 'diff -- m',
  commit: 'commit --dry-run -- m',
  bundle: 'bundle -- m box',
  apply: 'apply -- layer.tar applied',
  'image import': 'image import -- layer.tar images:a',
  'image load': 'image load -- docker.tar loaded',
  'image commit': 'image commit --base a -- m images:b',
  'image list': 'image list -- images',
  'image history': 'image history -- images:a',
  'image inspect': 'image inspect -- images:a',
  'image diff': 'image diff -- images:a lower',
  'image tree': 'image tree -- images',
  'image waste': 'image waste -- images:a',
  'image unpack': 'image unpack -- images:a store',
  'image mount': 'image mount --store store -- images:a m2',
  'image check': 'image check --max-layers 9 -- images:a',
  explore: 'explore --json -- images:a',
  'image export': 'image export --store store --output rootfs.tar -- images:a',
  'image rm': 'image rm --store store -- images:b',
  'store list': 'store list --store store --',
  'store prune': 'store prune --store store --dry-run --',
  'layer add': 'layer add -- m3 extra=box',
  'layer replace': 'layer replace --json -- m3 extra top',
  'layer remove': 'layer remove -- m3 top',
  'snapshot create': 'snapshot create -- m3 one',
  'snapshot list': 'snapshot list -- m3',
  'snapshot show': 'snapshot show -- m3 one',
  'snapshot diff': 'snapshot diff --json -- m3 one',
  'snapshot restore': 'snapshot restore -- m3 one',
  'snapshot rm': 'snapshot rm --json -- m3 before-restore-one',
  'branch create': 'branch create --json -- m3 try m4',
  'branch list': 'branch list -- m3',
  'branch merge': 'branch merge --dry-run --json -- m3 try',
  'branch mount': 'branch mount --json -- m3 try m4',
  'branch rm': 'branch rm --json -- m3 try',
  'snapshot prune': 'snapshot prune --json --keep 0 -- m3',
  snapshotter: 'snapshotter --print-config --',
  unmount: 'unmount --json -- m',
}

/** Those that can be called again, and at once, after `mount`, `index build` and `image import`. */
export const repeatable = [
  ...[
    'inspect',
    'stats',
    'list',
    'health',
    'limit',
    'log',
    'which',
    'ls',
    'du',
    'index verify',
    'index status',
    'diff',
    'commit',
  ],
  ...['image list', 'image history', 'image inspect', 'store list', 'store prune'],
]

/** A room with what the calls are about. */
export function room(t: Parameters<typeof workspace>[0]): Workspace {
  const w = workspace(t)
  for (const name of ['lower', 'm', 'm2', 'm3', 'm4', 'upper3', 'work3', 'box']) mkdirSync(join(w.root, name))
  writeFileSync(join(w.root, 'lower/a'), 'a\n')
  writeFileSync(join(w.root, 'upper/new'), 'new\n')
  assert.equal(spawnSync('tar', ['-cf', 'layer.tar', '-C', 'lower', 'a'], { cwd: w.root }).status, 0)
  writeFileSync(
    join(w.root, 'c.json'),
    '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}',
  )
  writeFileSync(join(w.root, 'manifest.json'), '[{"Config":"c.json","RepoTags":["a:1"],"Layers":[]}]')
  assert.equal(spawnSync('tar', ['-cf', 'docker.tar', 'c.json', 'manifest.json'], { cwd: w.root }).status, 0)
  // One without a limit and a log, for snapshots.
  if (needsRoot.skip === false)
    assert.equal(w.run('mount', '--lower', 'lower', '--upper', 'upper3', '--work', 'work3', 'm3').status, 0)
  return w
}
