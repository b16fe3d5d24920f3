/**
 * Layers have names wherever one is shown: what `--lower NAME=DIR` says, what made it where it is an image's, else the
 * end of its path. And `list`: one line a mount, within the width that there is.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Layer } from '../../src/cli/documents/layer.js'
import { MAIN, needsRoot, type Workspace, workspace } from '../daemon/harness.js'

function says(w: Workspace, words: string, env: NodeJS.ProcessEnv = {}): string {
  const { root: cwd } = w
  const options = { cwd, env: { ...w.env, ...env }, encoding: 'utf8', timeout: 60_000 } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...words.split(' ')], options)
  assert.equal(status, 0, `${words}: ${stderr}`)
  return stdout
}

/** The name of the layer that a file in the mount comes from, as the mount itself tells it. */
function attribute({ merged }: Workspace, name: string): string {
  const words = ['-n', 'user.stratafs.layer.name', '--only-values', '--absolute-names', join(merged, name)]
  return spawnSync('getfattr', words, { encoding: 'utf8' }).stdout
}

test('names that were given, and ends of paths', needsRoot, (t) => {
  const w = workspace(t)
  says(w, 'mount --lower config=top --lower base --upper upper --work work merged')
  writeFileSync(join(w.merged, 'b'), 'changed\n')
  assert.match(says(w, 'which merged/a'), /^merged\/a: lower 0 \(config\) \S+\/top\/a\n {2}lower 1 \(base\) /)
  assert.match(says(w, 'ls --layers merged'), /^config +a\nupper +b\n$/)
  assert.deepEqual([attribute(w, 'a'), attribute(w, 'b')], ['config', 'upper'])
  assert.match(says(w, 'du --by-layer merged'), /^LAYER .*\nupper .*\nlower 0 \(config\) .*\nlower 1 \(base\) /)
  assert.match(says(w, 'diff merged'), /^C {2}file +8 B {2}upper over lower 1 \(base\) {2}\/b\n$/)
  const [document] = JSON.parse(says(w, 'inspect merged'))
  assert.deepEqual(document.Layers, [
    { Position: -1, Role: 'upper', Name: 'upper', Path: w.upper },
    { Position: 0, Role: 'lower', Name: 'config', Path: w.top },
    { Position: 1, Role: 'lower', Name: 'base', Path: w.base },
  ])
  assert.deepEqual(
    JSON.parse(says(w, 'which --json merged/a')).paths.map((each: { layer: Layer }) => each.layer.name),
    ['config'],
  )
  assert.match(says(w, 'list'), /\nS*.*merged +config:base +\S+ k?B +rw +\d+ seconds? +\d+\n/)
})

test('the same without a mount', (t) => {
  const w = workspace(t)
  mkdirSync(join(w.root, 'a=b'))
  const layers = '--lower config=top --lower base --lower ./a=b'
  assert.match(says(w, `which ${layers} b`), /^b: lower 1 \(base\) /)
  assert.match(says(w, `du --by-layer ${layers}`), /\nlower 0 \(config\) .*\nlower 1 \(base\) .*\nlower 2 \(a=b\) /)
  const diff = says(w, 'diff --upper top --lower low=base')
  assert.match(diff, /^C {2}file +6 B {2}upper over lower 0 \(low\) {2}\/a\n$/)
})

test('an image’s layers are told by what made them', needsRoot, (t) => {
  const w = workspace(t)
  says(w, 'apply --help')
  assert.equal(spawnSync('tar', ['-cf', 'base.tar', '-C', 'base', '.'], { cwd: w.root }).status, 0)
  says(w, 'image import base.tar images:one')
  says(w, 'commit --upper top --lower base --image images:two --base one --created-by run')
  says(w, 'image mount --store store images:two merged')
  assert.match(says(w, 'which merged/b'), /^merged\/b: layer 1\/2 \(stratafs image import base\.tar\) \//)
  assert.match(says(w, 'du --by-layer merged'), /\nlayer 2\/2 {2}run .*\nlayer 1\/2 {2}stratafs image import /)
  assert.match(says(w, 'ls --layers merged'), /^layer 2\/2 {2}a\nlayer 1\/2 {2}b\n$/)
  assert.match(says(w, 'list'), /merged +\S*images:two +/)
  const [image] = JSON.parse(says(w, 'inspect merged')) as [{ Image: string; Layers: { Name: string }[] }]
  assert.equal(image.Image, `${w.root}/images:two`)
  assert.deepEqual(
    image.Layers.map(({ Name }) => Name),
    ['upper', 'layer 2/2  run', 'layer 1/2  stratafs image import base.tar'],
  )
  rmSync(join(w.root, 'images'), { recursive: true })
  assert.match(says(w, 'which merged/b'), /^merged\/b: layer 1\/2 \(stratafs image import base\.tar\) \//, 'kept')
  assert.equal(attribute(w, 'b'), 'layer 1/2  stratafs image import base.tar')
})

test('lists keep to the width, and have no colour where nobody wants it', needsRoot, (t) => {
  const w = workspace(t)
  says(w, 'mount --lower base --upper upper --work work merged')
  const inTerminal = (words: string, env: NodeJS.ProcessEnv) => {
    const line = `stty cols 80 && '${process.execPath}' '${MAIN}' ${words}`
    const options = { cwd: w.root, env: { ...w.env, TERM: 'xterm', ...env }, encoding: 'utf8' } as const
    return spawnSync('script', ['-qec', line, '/dev/null'], options).stdout
  }
  for (const line of says(w, 'list', { COLUMNS: '70' }).split('\n')) assert.ok([...line].length <= 70, line)
  const coloured = inTerminal('list', { NO_COLOR: '' })
  assert.ok(coloured.startsWith('\x1b[1mMOUNTPOINT'), coloured)
  for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) {
    const plain = inTerminal('list', env)
    assert.match(plain, /^MOUNTPOINT/)
    for (const line of plain.split('\r\n')) assert.ok([...line].length <= 80, line)
  }
  assert.match(says(w, 'list'), /^MOUNTPOINT/)
})
