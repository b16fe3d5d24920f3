/**
 * The change log of a mount: what programs do is in it, in its order, with who did it; it is read with sqlite3, goes on
 * over remounts, says where a kill cut it, and keeps as many rows as it was told.
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LoggedChange } from '../../src/index.js'
import { notInstalled } from '../tools/installed.js'
import { daemonPids, MAIN, needsRoot, type Workspace, workspace } from './harness.js'

function mounted(w: Workspace, options: string): void {
  const { status, stderr } = w.run('-o', `${w.options},${options}`, w.merged)
  assert.equal(stderr, '')
  assert.equal(status, 0)
}

function logOf(w: Workspace, ...words: string[]): LoggedChange[] {
  const { status, stdout, stderr } = w.run('log', w.merged, '--json', ...words)
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout).changes
}

/** As `created /a`, `renamed /a /b`. */
function words(changes: readonly LoggedChange[]): string[] {
  return changes.map(({ change, path, renamedTo }) =>
    [change, path, renamedTo].filter((word) => word !== null).join(' '),
  )
}

for (const data of ['passthrough', 'cached'])
  test(`what is done is logged, in its order (${data})`, needsRoot, async (t) => {
    const w = workspace(t)
    mounted(w, `changelog=1,data=${data}`)
    const at = (name: string) => join(w.merged, name)
    const began = new Date().toISOString()
    mkdirSync(at('dir'))
    writeFileSync(at('dir/new'), 'text')
    symlinkSync('new', at('dir/link'))
    renameSync(at('dir/new'), at('dir/newer'))
    chmodSync(at('a'), 0o600)
    const file = openSync(at('b'), 'r+')
    for (let i = 0; i < 50; i++) writeSync(file, 'x')
    closeSync(file)
    unlinkSync(at('dir/link'))
    unlinkSync(at('dir/newer'))
    rmdirSync(at('dir'))
    const changes = logOf(w)
    assert.deepEqual(
      words(changes).filter((word) => word !== 'changed /dir/newer'),
      [
        'created /dir',
        'created /dir/new',
        'created /dir/link',
        'renamed /dir/new /dir/newer',
        'changed /a',
        'changed /b',
        'removed /dir/link',
        'removed /dir/newer',
        'removed /dir',
      ],
    )
    assert.ok(changes.every(({ time }) => time >= began && time <= new Date().toISOString()))
    assert.deepEqual([changes[0]!.uid, changes[0]!.pid], [0, process.pid])
    // A write that nobody sees: passed through, or served beside the engine.
    const open = openSync(at('b'), 'r+')
    logOf(w)
    await sleep(700)
    writeSync(open, 'y')
    if (data === 'passthrough') closeSync(open)
    assert.equal(words(logOf(w)).at(-1), 'changed /b')
    assert.ok(logOf(w).length > changes.length)
    if (data === 'cached') closeSync(open)
    assert.match(w.run('log', w.merged).stdout, /^\S+Z created {2}\/dir {2}\(uid 0, pid \d+\)\n/)
    assert.deepEqual(logOf(w, '--since', '2100-01-01'), [])
    assert.equal(w.run('log', w.merged, '--since', 'soon').status, 2)
  })

test('sqlite3 reads it; it outlives the mount, keeps N rows, and says where a kill cut it', {
  skip: needsRoot.skip || notInstalled('sqlite3'),
}, (t) => {
  const w = workspace(t)
  mounted(w, 'changelog=1,changelog_size=1500')
  for (let i = 0; i < 100; i++) writeFileSync(join(w.merged, `f${i}`), '')
  assert.equal(logOf(w).length, 100)
  assert.equal(w.run('unmount', w.merged).status, 0)
  const query = 'select count(*), min(change), max(path) from changes'
  const sqlite = spawnSync('sqlite3', [join(w.work, 'index.db'), query], { encoding: 'utf8' })
  assert.equal(sqlite.stdout, '100|created|/f99\n')
  mounted(w, 'changelog=1,changelog_size=1500')
  assert.equal(logOf(w).length, 100)
  for (let i = 0; i < 4000; i++) mkdirSync(join(w.merged, `d${i}`))
  const kept = logOf(w)
  assert.ok(kept.length >= 1500 && kept.length <= 2600, String(kept.length))
  assert.equal(kept.at(-1)!.path, '/d3999')
  for (const pid of daemonPids(w.runDirectory)) process.kill(pid, 'SIGKILL')
  assert.equal(w.run('unmount', w.merged).status, 0)
  mounted(w, 'changelog=1,changelog_size=1500')
  const after = logOf(w)
  assert.deepEqual([after.at(-1)!.change, after.at(-1)!.lost], ['lost', null])
})

test('--follow tells what comes and ends with the mount; without a log it is refused', needsRoot, async (t) => {
  const w = workspace(t)
  mounted(w, 'changelog=1')
  const child = spawn(process.execPath, [MAIN, 'log', '--follow', '--json', w.merged], { env: w.env })
  t.after(() => child.kill('SIGKILL'))
  const lines: LoggedChange[] = []
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    lines.push(
      ...text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as LoggedChange),
    )
  })
  for (let i = 0; i < 100 && lines.length === 0; i++) {
    writeFileSync(join(w.merged, `f${i}`), '')
    await sleep(100)
  }
  assert.equal(lines[0]!.path, '/f0')
  const ended = new Promise((resolve) => child.once('exit', resolve))
  assert.equal(w.run('unmount', w.merged).status, 0)
  assert.equal(await ended, 0)
  mounted(w, 'index=off,changelog=1')
  assert.match(w.run('log', w.merged).stderr, /has no change log: mount it with -o changelog=1/)
  assert.match(w.run('inspect', w.merged).stdout, /changelog=1 is without effect: the mount writes no index/)
})
