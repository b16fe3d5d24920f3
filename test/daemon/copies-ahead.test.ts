/**
 * Copy-ups made before they are wanted: that they are, for who goes through a directory in its order, and only then;
 * and that a daemon killed in the midst of it has lost nothing that was answered, and left nothing behind.
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { daemonPids, needsRoot, type Workspace, workspace } from './harness.js'

const COUNT = 200

const content = (i: number): string => `content of ${i}\n`.repeat(50)

/** A mount over `COUNT` files in the directory `many`. */
function mounted(w: Workspace, more = ''): void {
  mkdirSync(join(w.base, 'many'), { recursive: true })
  for (let i = 0; i < COUNT; i++) writeFileSync(join(w.base, 'many', `f${i}`), content(i), { mode: 0o644 })
  mount(w, more)
}

function mount(w: Workspace, more = ''): void {
  const { status, stderr } = w.run('-o', `${w.options}${more}`, w.merged)
  assert.equal(status, 0, stderr)
}

const inMerged = (w: Workspace): string[] => {
  const { stdout } = spawnSync('ls', ['-U', join(w.merged, 'many')], { encoding: 'utf8' })
  return stdout.trim().split('\n')
}

function ahead(w: Workspace): number {
  return JSON.parse(w.run('stats', '--json', w.merged).stdout).mounts[0].counters.copyUpsAhead
}

test('changed in the order of the directory, most files have been made before', needsRoot, (t) => {
  const w = workspace(t)
  mounted(w)
  for (const name of inMerged(w)) chmodSync(join(w.merged, 'many', name), 0o600)
  assert.ok(ahead(w) > COUNT / 2, `${ahead(w)} of ${COUNT}`)
  for (let i = 0; i < COUNT; i++) {
    assert.equal(statSync(join(w.upper, 'many', `f${i}`)).mode & 0o777, 0o600)
    assert.equal(readFileSync(join(w.merged, 'many', `f${i}`), 'latin1'), content(i))
    assert.equal(statSync(join(w.base, 'many', `f${i}`)).mode & 0o777, 0o644)
  }
})

test('changed in another order, or with volatile, none is', needsRoot, (t) => {
  const w = workspace(t)
  mounted(w, ',volatile')
  for (const name of inMerged(w)) chmodSync(join(w.merged, 'many', name), 0o600)
  assert.equal(ahead(w), 0)
  const other = workspace(t)
  mounted(other)
  for (const name of inMerged(other).reverse()) chmodSync(join(other.merged, 'many', name), 0o600)
  assert.equal(ahead(other), 0)
})

/** Files without a name that the daemon has open. */
function nameless(w: Workspace): string[] {
  const targets = daemonPids(w.runDirectory).flatMap((pid) => {
    const { stdout } = spawnSync('find', [`/proc/${pid}/fd`, '-type', 'l', '-printf', '%l\\n'], { encoding: 'utf8' })
    return stdout.split('\n')
  })
  return targets.filter((target) => /\/#\d+ \(deleted\)$/.test(target))
}

for (const [how, makes] of [
  ['', true],
  [',metacopy=on', false],
] as const)
  test(
    `symbolic links changed in order: what lies between is ${makes ? '' : 'not '}made (${how || 'by default'})`,
    needsRoot,
    (t) => {
      const w = workspace(t)
      mkdirSync(join(w.base, 'many'))
      for (let i = 0; i < 40; i++) symlinkSync('nowhere', join(w.base, 'many', `l${i}`))
      mounted(w, how)
      const links = inMerged(w).filter((name) => name.startsWith('l'))
      const files = inMerged(w).map((name) => join(w.merged, 'many', name))
      for (const file of files) lstatSync(file)
      for (const name of links) lchownSync(join(w.merged, 'many', name), 1, 1)
      assert.equal(nameless(w).length > 0, makes)
    },
  )

test('what is in the next directories is made, too, and larger files', needsRoot, (t) => {
  const w = workspace(t)
  for (let i = 0; i < 40; i++) {
    mkdirSync(join(w.base, 'many', `d${i}`), { recursive: true })
    for (const name of ['one', 'two']) writeFileSync(join(w.base, 'many', `d${i}`, name), content(i))
    writeFileSync(join(w.base, 'many', `l${i}`), Buffer.alloc(1 << 20, 'x'))
  }
  mount(w)
  spawnSync('find', [join(w.merged, 'many'), '-ls'])
  // Which comes to a directory after what is in it.
  assert.equal(spawnSync('chown', ['-hR', '1:1', join(w.merged, 'many')]).status, 0)
  assert.ok(ahead(w) > 100, `${ahead(w)} of 120`)
  const upper = spawnSync('find', [join(w.upper, 'many'), '-type', 'f', '-printf', '%U %s\n'], { encoding: 'utf8' })
  const found = upper.stdout.trim().split('\n')
  assert.equal(found.length, 120)
  assert.equal(found.filter((line) => line === `1 ${1 << 20}`).length, 40)
})

test('a daemon that is killed meanwhile has lost nothing and leaves nothing', needsRoot, async (t) => {
  const w = workspace(t)
  mounted(w)
  for (const [round, mode] of [0o600, 0o640, 0o604].entries()) {
    const changes = spawn('chmod', ['-v', '-R', mode.toString(8), 'many'], { cwd: w.merged })
    let said = ''
    changes.stdout.on('data', (words: Buffer) => {
      said += words.toString('latin1')
    })
    while (said.split('\n').length < 40 * (round + 1) && changes.exitCode === null) await delay(1)
    for (const pid of daemonPids(w.runDirectory)) process.kill(pid, 'SIGKILL')
    if (changes.exitCode === null) await once(changes, 'close')
    spawnSync('umount', ['-l', w.merged])
    mount(w)
    assert.deepEqual(
      readdirSync(join(w.work, 'work')).filter((name) => name !== 'incompat'),
      [],
    )
    for (const [, name] of said.matchAll(/'many\/(f\d+)' (?:changed|retained)/g))
      assert.equal(statSync(join(w.merged, 'many', name!)).mode & 0o777, mode, name)
    for (let i = 0; i < COUNT; i++) assert.equal(readFileSync(join(w.merged, 'many', `f${i}`), 'latin1'), content(i))
  }
})
