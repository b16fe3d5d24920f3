/**
 * engine=hybrid: a kernel overlay above the lower layers as the union shows them. What it shows is what the conformance
 * column says; here is what lies around it: where content comes from, what looks past the overlay, what is left when
 * the daemon dies, and what another engine makes of the upper afterwards.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { hybridObstacle } from '../conformance/hybrid-limits.js'
import { daemonPids, eventually, isGone, type Workspace, workspace } from './harness.js'

const LARGE = 'l'.repeat(8192)

function mount(w: Workspace, options: string): void {
  const { status, stderr } = w.run('mount', '-o', options, w.merged)
  assert.equal(`${status}${stderr}`, '0')
}

function unmount(w: Workspace): void {
  assert.equal(w.run('unmount', w.merged).status, 0)
}

function inspected(w: Workspace): Record<string, unknown> {
  const text = w.run('inspect', '--json', w.merged).stdout
  const found = JSON.parse(text)
  return Array.isArray(found) ? found[0] : found
}

function engineOf(w: Workspace): unknown {
  return (inspected(w).Engine as Record<string, unknown>).Engine ?? 'fuse'
}

/** A workspace with hard links, a large file and a directory in its layers. */
function scene(t: TestContext): Workspace {
  const w = workspace(t)
  mkdirSync(join(w.base, 'd'))
  writeFileSync(join(w.base, 'd/large'), LARGE)
  writeFileSync(join(w.base, 'd/x'), 'x')
  linkSync(join(w.base, 'd/x'), join(w.base, 'd/y'))
  symlinkSync('a', join(w.base, 's'))
  return w
}

const obstacle = hybridObstacle()
const skip = { skip: obstacle ?? false }

test('a mount by engine=hybrid is an overlay, and what asks about it looks past it', skip, (t) => {
  const w = scene(t)
  mount(w, `${w.options},engine=hybrid`)
  assert.equal(engineOf(w), 'hybrid')
  assert.match(readFileSync('/proc/self/mountinfo', 'utf8'), new RegExp(` ${w.merged} .* - overlay stratafs `))
  const at = (name: string) => join(w.merged, name)
  assert.equal(readFileSync(at('d/large'), 'utf8'), LARGE)
  writeFileSync(at('new'), 'new')
  writeFileSync(at('d/x'), 'X')
  unlinkSync(at('a'))
  renameSync(at('d'), at('e'))
  assert.equal(readFileSync(at('e/x'), 'utf8'), 'X')
  assert.match(w.run('which', at('new')).stdout, /upper/)
  assert.match(w.run('which', at('s')).stdout, /lower 1/)
  assert.match(w.run('ls', '--layers', w.merged).stdout, /upper\s+new/)
  const changes = w.run('diff', w.merged).stdout
  for (const line of [/^D .* \/a$/m, /^A .* \/new$/m, /^A .* \/e {2}\(from \/d\)$/m]) assert.match(changes, line)
  assert.equal(w.run('commit', '--output', join(w.root, 'layer.tar'), w.merged).status, 0)
  unmount(w)
  assert.equal(readFileSync(join(w.base, 'd/x'), 'utf8'), 'x')
})

test(
  'a runtime that asks for the same mount again where it stands gets it twice, and takes it away twice',
  skip,
  (t) => {
    const w = scene(t)
    const options = `${w.options},engine=hybrid`
    const asRuntime = () => w.run('-o', options, w.merged)
    const mounts = () => readFileSync('/proc/self/mountinfo', 'utf8').split(` ${w.merged} `).length - 1
    for (const _ of [1, 2]) assert.deepEqual([asRuntime().status, asRuntime().stderr], [0, ''])
    assert.equal(mounts(), 4)
    writeFileSync(join(w.merged, 'new'), 'new')
    for (const left of [3, 2]) {
      unmount(w)
      assert.equal(mounts(), left)
    }
    assert.equal(readFileSync(join(w.merged, 'new'), 'utf8'), 'new')
    assert.match(w.run('mount', '-o', options, w.merged).stderr, /is in use by another mount/, 'a person is told')
    assert.match(w.run('-o', options.replace(':', '/../base:'), w.merged).stderr, /is in use by another mount/)
    unmount(w)
    unmount(w)
    assert.equal(mounts(), 0)
    mount(w, `${w.options},engine=fuse`)
    unmount(w)
  },
)

test(
  'when its daemon dies, what is warm, what is open and the upper go on; it is unmounted as ever',
  skip,
  async (t) => {
    const w = scene(t)
    mount(w, `${w.options},engine=hybrid`)
    const at = (name: string) => join(w.merged, name)
    writeFileSync(at('new'), 'one')
    readFileSync(at('d/large'))
    const open = openSync(at('d/large'), 'r')
    const [pid] = daemonPids(w.runDirectory)
    process.kill(pid!, 'SIGKILL')
    assert.ok(await eventually(() => isGone(pid!), 5000))
    assert.equal(readSync(open, Buffer.alloc(9)), 9)
    closeSync(open)
    writeFileSync(at('new'), 'two')
    assert.equal(readFileSync(at('new'), 'utf8'), 'two')
    assert.equal(readFileSync(at('d/large'), 'utf8'), LARGE)
    const other = join(w.root, 'other')
    mkdirSync(other)
    const { stderr } = w.run('mount', '-o', w.options, other)
    assert.match(stderr, /upperdir .* is in use by a kernel overlay on .*merged: unmount that one first/)
    unmount(w)
    assert.ok(!w.isMounted())
    assert.equal(readFileSync(join(w.upper, 'new'), 'utf8'), 'two')
  },
)

test('its upper is served by engine=fuse after it; one that keeps hard links together is left to that', skip, (t) => {
  const w = scene(t)
  const at = (name: string) => join(w.merged, name)
  mount(w, `${w.options},engine=hybrid,volatile`)
  writeFileSync(at('d/x'), 'changed')
  renameSync(at('d'), at('e'))
  assert.match((inspected(w).Downgrades as string[]).join(), /hard links of lower files are split/)
  unmount(w)
  for (const engine of ['hybrid', 'fuse']) {
    mount(w, `${w.options},engine=${engine}`)
    assert.equal(engineOf(w), engine)
    assert.equal(readFileSync(at('e/x'), 'utf8'), 'changed', engine)
    assert.equal(readFileSync(at('e/large'), 'utf8'), LARGE, engine)
    assert.throws(() => readFileSync(at('d/x')), { code: 'ENOENT' })
    if (engine === 'fuse') writeFileSync(at('e/y'), 'also')
    unmount(w)
  }
  const { stderr } = w.run('mount', '-o', `${w.options},engine=hybrid`, w.merged)
  assert.match(stderr, /engine=fuse, for engine=hybrid is not to be had: the upper has hard links/)
  assert.equal(readFileSync(at('e/y'), 'utf8'), 'also')
  assert.equal(engineOf(w), 'fuse')
  unmount(w)
})

/** `python` in a directory whose path is longer than any path may be, below `top`. */
function inTheDeep(top: string, step: string, python: string): void {
  const walk = `import os; os.chdir(${JSON.stringify(top)})\nfor _ in range(20): ${step}os.chdir('n' * 250)\n`
  assert.equal(spawnSync('python3', ['-c', walk + python], { encoding: 'utf8' }).stderr, '')
}

test('each file has its content where other layers have another one under its path', skip, (t) => {
  const w = scene(t)
  const memory = join(w.root, 'memory')
  const nested = join(w.top, 'p/q')
  for (const path of [memory, nested, join(w.root, 'm')]) mkdirSync(path, { recursive: true })
  assert.equal(spawnSync('mount', ['-t', 'tmpfs', 'none', memory]).status, 0)
  // Where the overlay would look first for the content of memory/m/f: below the directory above the other layers.
  writeFileSync(join(w.root, 'm/f'), LARGE.replaceAll('l', 's'))
  mkdirSync(join(memory, 'm'))
  for (const path of [join(memory, 'm/f'), join(nested, 'in')]) writeFileSync(path, LARGE)
  try {
    inTheDeep(w.top, "os.mkdir('n' * 250); ", "open('f', 'w').write('d' * 8192)")
    mount(w, `lowerdir=${w.top}:${nested}:${memory}:${w.base},upperdir=${w.upper},workdir=${w.work},engine=hybrid`)
    assert.equal(engineOf(w), 'hybrid')
    for (const name of ['m/f', 'in', 'p/q/in', 'd/large'])
      assert.equal(readFileSync(join(w.merged, name), 'utf8'), LARGE, name)
    assert.equal(readFileSync(join(w.merged, 'a'), 'utf8'), 'top a\n')
    inTheDeep(w.merged, '', "assert open('f').read() == 'd' * 8192")
    unmount(w)
  } finally {
    spawnSync('rm', ['-rf', w.top])
  }
})

test('what a kernel overlay cannot do is said, and engine=fuse serves', skip, (t) => {
  const w = scene(t)
  const { status, stderr } = w.run('mount', '-o', `${w.options},engine=hybrid,squash_to_root`, w.merged)
  assert.equal(status, 0)
  assert.match(stderr, /^stratafs: engine=fuse, for engine=hybrid is not to be had: owners cannot be changed/)
  assert.equal(engineOf(w), 'fuse')
  assert.match((inspected(w).Downgrades as string[]).join(), /engine=hybrid is not to be had/)
  unmount(w)
})
