/**
 * What is refused before anything is mounted, as a table: the command fails, says in one line which option and path and
 * what to do, and leaves nothing mounted and no file of its own.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { needsRoot, type Workspace, workspace } from './harness.js'

type Case = [name: string, args: (w: Workspace) => string[], words: RegExp]

const program = (options: (w: Workspace) => string) => (w: Workspace) => ['-o', options(w), w.merged]
const inner = (directory: string) => {
  mkdirSync(join(directory, 'in'), { recursive: true })
  return join(directory, 'in')
}

const cases: Case[] = [
  [
    'no mountpoint',
    (w) => ['-o', w.options, `${w.root}/none`],
    /^stratafs: mountpoint \S+\/none does not exist: make it/,
  ],
  ['a file as mountpoint', (w) => ['-o', w.options, `${w.top}/a`], /^stratafs: mountpoint \S+\/a is not a directory/],
  [
    'a missing layer',
    program((w) => `lowerdir=${w.top}:${w.root}/none`),
    /^stratafs: lowerdir \S+\/none does not exist/,
  ],
  ['a file as layer', program((w) => `lowerdir=${w.top}/a`), /^stratafs: lowerdir \S+\/a is not a directory/],
  ['a missing upper', program((w) => `${w.options},upperdir=/none`), /^stratafs: upperdir \/none does not exist/],
  ['a missing workdir', program((w) => `${w.options},workdir=/none`), /^stratafs: workdir \/none does not exist/],
  ['an upper without workdir', program((w) => `lowerdir=${w.top},upperdir=${w.upper}`), /needs a workdir/],
  ['upper is a lower', (w) => ['mount', '--lower', w.top, '--upper', w.top, w.merged], /are the same directory/],
  ['a lower in the upper', (w) => ['mount', '--lower', inner(w.upper), '--upper', w.upper, w.merged], / overlap: /],
  ['workdir is the upper', program((w) => `${w.options},workdir=${w.upper}`), /is the upperdir itself: put it beside/],
  [
    'workdir in the upper',
    program((w) => `${w.options},workdir=${inner(w.upper)}`),
    /lies inside the upperdir: put it/,
  ],
  ['upper in the workdir', program((w) => `${w.options},upperdir=${inner(w.work)}`), /lies inside workdir/],
  ['a bad value', program((w) => `${w.options},metacopy=7`), /^stratafs: option metacopy=7 must be one of on, off\n$/],
  [
    'a log that cannot be',
    program((w) => `${w.options},log=/none/log`),
    /^stratafs: log file \/none\/log cannot be opened/,
  ],
  [
    'an unknown option',
    (w) => ['mount', '-o', `${w.options},volatil`, w.merged],
    /volatil: did you mean volatile\?\n$/,
  ],
]
for (const [name, args, words] of cases) {
  test(`refused: ${name}`, needsRoot, (t) => {
    const w = workspace(t)
    const { status, stderr } = w.run(...args(w))
    assert.match(stderr, words)
    assert.equal(stderr.split('\n').length, 2, 'one line')
    assert.notEqual(status, 0)
    assert.equal(w.isMounted(), false)
    assert.deepEqual(existsSync(w.runDirectory) ? readdirSync(w.runDirectory) : [], [])
    assert.deepEqual(
      readdirSync(w.root).filter((file) => file.startsWith('.')),
      [],
    )
  })
}

function withMount(on: string, ...args: string[]): void {
  mkdirSync(on, { recursive: true })
  assert.equal(spawnSync('mount', [...args, on]).status, 0)
}

test('refused: a workdir on another filesystem, and on another mount of the same one', needsRoot, (t) => {
  const w = workspace(t)
  withMount(join(w.root, 'other'), '-t', 'tmpfs', 'none')
  withMount(join(w.root, 'bound'), '--bind', w.work)
  assert.match(w.run('-o', `${w.options},workdir=${w.root}/other`, w.merged).stderr, /is on another filesystem than/)
  assert.match(
    w.run('-o', `${w.options},workdir=${w.root}/bound`, w.merged).stderr,
    /is on another mount than the upperdir/,
  )
})

test('refused: a read-only upper', needsRoot, (t) => {
  const w = workspace(t)
  withMount(join(w.root, 'bound'), '--bind', w.upper)
  assert.equal(spawnSync('mount', ['-o', 'remount,bind,ro', join(w.root, 'bound')]).status, 0)
  assert.match(
    w.run('-o', `${w.options},upperdir=${w.root}/bound`, w.merged).stderr,
    /bound is on a read-only filesystem/,
  )
})

test('refused: an upper or workdir in use, naming the process', needsRoot, (t) => {
  const w = workspace(t)
  mkdirSync(join(w.root, 'second'))
  mkdirSync(join(w.root, 'work2'))
  assert.equal(w.run('-o', w.options, w.merged).status, 0)
  const pid = w.run('inspect', w.merged, '--format', 'Pid').stdout.trim()
  const words = new RegExp(`is in use by another mount \\(process ${pid}\\): unmount that one first`)
  assert.match(w.run('-o', w.options, 'second').stderr, words)
  assert.match(w.run('-o', `${w.options},workdir=${w.root}/work2`, 'second').stderr, words)
  mkdirSync(join(w.root, 'upper2'))
  assert.match(w.run('-o', `${w.options},upperdir=${w.root}/upper2`, 'second').stderr, words)
  assert.equal(w.run('unmount', w.merged).status, 0)
})

test('allowed: a mountpoint inside a layer, which the mount then does not walk into', needsRoot, (t) => {
  const w = workspace(t)
  const on = join(w.base, 'on')
  mkdirSync(on)
  assert.equal(w.run('mount', '--lower', w.base, on).status, 0)
  assert.deepEqual(readdirSync(join(on, 'on')), [])
  assert.equal(w.run('unmount', on).status, 0)
})

test('allowed: an upper mounted inside a lower from another filesystem', needsRoot, (t) => {
  const w = workspace(t)
  withMount(join(w.base, 'tmp'), '-t', 'tmpfs', 'none')
  for (const name of ['u', 'w']) mkdirSync(join(w.base, 'tmp', name))
  const options = `lowerdir=${w.base},upperdir=${w.base}/tmp/u,workdir=${w.base}/tmp/w`
  assert.equal(w.run('-o', options, w.merged).status, 0)
  writeFileSync(join(w.merged, 'new'), 'n')
  assert.ok(existsSync(join(w.base, 'tmp/u/new')))
  assert.equal(w.run('unmount', w.merged).status, 0)
})
