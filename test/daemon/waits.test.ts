/**
 * An upper that somebody holds who has no mount of it, as a daemon on its way out, is waited for: that is said after a
 * second, and ends with the signal that ends who waits, however the mount was called.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually, isGone, LAUNCH, MAIN, needsRoot, type Workspace, workspace } from './harness.js'

const WAITS =
  /^stratafs: upperdir \S+ is in use by another mount \(process \d+\): waiting for its end \(at most 30 s\)\n/

/** A workspace whose upper is held. */
function held(t: TestContext): Promise<Workspace> {
  const w = workspace(t)
  const holder = spawn('flock', [w.upper, 'sh', '-c', 'echo held; exec sleep 100'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  t.after(() => holder.kill())
  return new Promise((resolve) => holder.stdout.once('data', () => resolve(w)))
}

interface Waiting {
  readonly child: ChildProcess
  readonly stderr: () => string
  readonly ended: Promise<void>
}

function begin(w: Workspace, program: string, ...args: string[]): Waiting {
  const child = spawn(program, args, { cwd: w.root, env: w.env, stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk)
  })
  return { child, stderr: () => stderr, ended: new Promise((resolve) => child.once('close', () => resolve())) }
}

/** Processes of a mount of `w` that is being made. */
function others(w: Workspace, known: readonly string[]): string[] {
  const found = spawnSync('pgrep', ['-f', w.merged], { encoding: 'utf8' }).stdout.split('\n').filter(Boolean)
  return found.filter((pid) => !known.includes(pid) && !isGone(Number(pid)))
}

const ways: [name: string, program: (w: Workspace) => string[], skip: string | false][] = [
  ['the command', (w) => [process.execPath, MAIN, 'mount', '-o', w.options, w.merged], false],
  ['in the foreground', (w) => [process.execPath, MAIN, 'mount', '-f', '-o', w.options, w.merged], false],
  [
    'the launcher',
    (w) => [LAUNCH, 'mount', '-o', w.options, w.merged],
    existsSync(LAUNCH) ? false : 'the launcher has not been built',
  ],
]
for (const [name, words, skip] of ways) {
  test(`waiting is said, and ends by a signal: ${name}`, { skip: needsRoot.skip || skip }, async (t) => {
    const w = await held(t)
    const known = others(w, [])
    const [program, ...args] = words(w)
    const { child, stderr, ended } = begin(w, program!, ...args)
    assert.ok(await eventually(() => WAITS.test(stderr()), 10_000), stderr())
    child.kill('SIGINT')
    await Promise.race([ended, sleep(5000)])
    assert.ok(await eventually(() => others(w, known).length === 0, 5000), 'nobody waits on')
    assert.equal(w.isMounted(), false)
  })
}

test('image mount: the wait is said, and ended by a signal', needsRoot, async (t) => {
  const w = await held(t)
  assert.equal(spawnSync('tar', ['-cf', 'a.tar', '-C', 'base', '.'], { cwd: w.root }).status, 0)
  assert.equal(w.run('image', 'import', 'a.tar', 'images:a').status, 0)
  const call = ['image', 'mount', '--store', 'store', '--upper', w.upper, '--work', w.work, 'images:a', w.merged]
  const { child, stderr, ended } = begin(w, process.execPath, MAIN, ...call)
  assert.ok(await eventually(() => WAITS.test(stderr()), 20_000), stderr())
  child.kill('SIGTERM')
  await Promise.race([ended, sleep(5000)])
  assert.equal(child.exitCode, 143)
  assert.match(stderr(), /\nstratafs: interrupted: nothing was left\n$/)
})

test('image mount looks at its directories and options before it unpacks', needsRoot, (t) => {
  const w = workspace(t)
  assert.equal(spawnSync('tar', ['-cf', 'a.tar', '-C', 'base', '.'], { cwd: w.root }).status, 0)
  assert.equal(w.run('image', 'import', 'a.tar', 'images:a').status, 0)
  const refused: [words: RegExp, args: string[]][] = [
    [/^stratafs: mountpoint \S+\/typo does not exist: make it/, ['images:a', 'typo']],
    [/^stratafs: upperdir \S+\/typo does not exist: make it/, ['--upper', 'typo', 'images:a', w.merged]],
    [/^stratafs: workdir \S+\/typo does not exist/, ['--upper', w.upper, '--work', 'typo', 'images:a', w.merged]],
    [/^stratafs: unknown option volatil: did you mean volatile/, ['-o', 'volatil', 'images:a', w.merged]],
  ]
  for (const [words, args] of refused) {
    const { status, stderr } = w.run('image', 'mount', '--store', 'store', ...args)
    assert.match(stderr, words)
    assert.equal(status, 1)
    assert.ok(!existsSync(join(w.root, 'store')), 'nothing was unpacked')
  }
  const exported = w.run('image', 'export', '--store', 'store', 'images:a', '--output', 'typo/a.tar')
  assert.match(exported.stderr, /^stratafs: the directory of --output \S+\/typo does not exist/)
  assert.ok(!existsSync(join(w.root, 'store')))
})

test('a default workdir that cannot be made says why', needsRoot, (t) => {
  const w = workspace(t)
  const place = join(w.root, 'ro')
  mkdirSync(place)
  assert.equal(spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', place]).status, 0)
  mkdirSync(join(place, 'upper'))
  assert.equal(spawnSync('mount', ['-o', 'remount,ro', place]).status, 0)
  const words =
    /workdir \S+\/ro\/\.upper\.work, which is taken where none is named, cannot be made: read-only file system: name/
  assert.match(w.run('mount', '--lower', w.base, '--upper', join(place, 'upper'), w.merged).stderr, words)
})

test('a lower that its user cannot read is refused', needsRoot, (t) => {
  const w = workspace(t)
  writeFileSync(join(w.base, 'secret'), '')
  spawnSync('chmod', ['0700', w.base])
  spawnSync('chmod', ['0755', w.root])
  const user = ['--reuid', '65534', '--regid', '65534', '--clear-groups']
  const run = join(w.root, 'user-run')
  mkdirSync(run)
  spawnSync('chown', ['65534:65534', run, w.merged])
  const env = { ...w.env, STRATAFS_RUN_DIR: run }
  const call = [process.execPath, MAIN, 'mount', '--lower', w.base, w.merged]
  const { status, stderr } = spawnSync('setpriv', [...user, ...call], { env, encoding: 'utf8', cwd: '/' })
  assert.match(
    stderr,
    /lowerdir \S+\/base cannot be read by you: it belongs to user 0 and has mode 0700: have it opened/,
  )
  assert.equal(status, 1)
})
