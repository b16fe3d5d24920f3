/**
 * What one host costs when it has many mounts, and whether it gives everything back. The suite does the short form;
 * STRATAFS_HOST_MOUNTS=1000 the long one, which also prints what it saw.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { checkoutRoot } from '../../scripts/checkout.js'
import { daemonPids, eventually, isGone, LAUNCH, needsRoot, type Workspace, workspace } from './harness.js'

/** So many mounts stand at the same time in each round. */
const MOUNTS = Number(process.env.STRATAFS_HOST_MOUNTS ?? 12)
const ROUNDS = 2
/** Files of the layer that every mount walks. */
const FILES = 200

/** A workspace whose host waits for further mounts. */
function hosting(t: TestContext, idle: number): Workspace {
  const space = workspace(t)
  Object.assign(space.env, { STRATAFS_NAME: 'stratafs', STRATAFS_HOST_IDLE: String(idle) })
  return space
}

const launch = (space: Workspace, args: readonly string[], program = LAUNCH) =>
  spawnSync(program, args, { cwd: space.root, encoding: 'utf8', env: space.env, timeout: 60_000 })

/** Mounts number `i` of the space, which has its directories. */
function mount(space: Workspace, i: number): void {
  const options = `lowerdir=base,upperdir=u${i},workdir=w${i}`
  const { status, stderr } = launch(space, ['-o', options, join(space.root, `m${i}`)])
  assert.deepEqual([status, stderr], [0, ''])
}

interface Held {
  readonly rssKb: number
  readonly pssKb: number
  readonly descriptors: number
}

function held(pid: number): Held {
  const numbers = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1')
  const of = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(numbers)?.[1])
  return { rssKb: of('Rss'), pssKb: of('Pss'), descriptors: readdirSync(`/proc/${pid}/fd`).length }
}

/** What it holds once it has given back what it does not need, which takes it a moment after the last unmount. */
async function settled(pid: number): Promise<Held> {
  await new Promise((resolve) => setTimeout(resolve, 4_000))
  return held(pid)
}

/** How many mounts the host has. */
const count = (space: Workspace): number =>
  readdirSync(space.runDirectory).filter((file) => file.endsWith('.json')).length

/** Mounts all, walks each, and unmounts them; what the host held when all stood and were walked. */
async function round(space: Workspace, pid: number): Promise<Held> {
  for (let i = 1; i <= MOUNTS; i++) mount(space, i)
  for (let i = 1; i <= MOUNTS; i++) {
    const names = execFileSync('find', [join(space.root, `m${i}`), '-type', 'f', '-size', '-9'], { encoding: 'utf8' })
    assert.equal(names.trim().split('\n').length, FILES + 2)
  }
  const full = held(pid)
  for (let i = 1; i <= MOUNTS; i++) assert.equal(spawnSync('umount', [join(space.root, `m${i}`)]).status, 0)
  assert.ok(await eventually(() => count(space) === 1, 20_000))
  return full
}

describe('a host with many mounts', needsRoot, () => {
  it(`has its memory and its descriptors back after ${MOUNTS} mounts, each time`, async (t) => {
    const space = hosting(t, 0)
    for (let i = 0; i < FILES; i++) writeFileSync(join(space.base, `f${i}`), `${i}\n`)
    for (let i = 0; i <= MOUNTS; i++) for (const part of ['u', 'w', 'm']) mkdirSync(join(space.root, `${part}${i}`))
    mount(space, 0)
    const [pid] = daemonPids(space.runDirectory)
    // The first round makes the threads and warms what later ones use again.
    await round(space, pid!)
    const before = await settled(pid!)
    for (let i = 1; i <= ROUNDS; i++) {
      const full = await round(space, pid!)
      const after = await settled(pid!)
      t.diagnostic(JSON.stringify({ mounts: MOUNTS, before, full, after }))
      assert.ok(after.descriptors <= before.descriptors, `${before.descriptors} descriptors, then ${after.descriptors}`)
      const grown = after.rssKb - before.rssKb
      assert.ok(grown < Math.max(before.rssKb * 0.1, 8192), `${before.rssKb} kB, ${after.rssKb} kB after round ${i}`)
    }
    assert.equal(spawnSync('umount', [join(space.root, 'm0')]).status, 0)
    assert.ok(await eventually(() => isGone(pid!), 5_000))
  })

  it('goes on beside a new one when another version is installed in the same place', (t) => {
    const space = hosting(t, 0)
    const place = join(space.root, 'package')
    mkdirSync(place)
    const real = checkoutRoot()
    const program = join(place, 'native-bindings/build/Release/launch')
    const entry = join(place, 'dist/src/cli/launched-main.cjs')
    for (const file of [program, entry]) likeIn(real, place, relative(place, file))
    const call = (i: number): string[] => ['--lower', space.base, '--upper', `u${i}`, '--work', `w${i}`, `m${i}`]
    for (let i = 1; i <= 3; i++) for (const part of ['u', 'w', 'm']) mkdirSync(join(space.root, `${part}${i}`))
    const at = (i: number): number => {
      const known = daemonPids(space.runDirectory)
      const { status, stderr } = launch(space, ['mount', ...call(i)], program)
      assert.deepEqual([status, stderr], [0, ''])
      const all = daemonPids(space.runDirectory)
      return all.find((pid) => all.filter((one) => one === pid).length > known.filter((one) => one === pid).length)!
    }
    const [first, second] = [at(1), at(2)]
    assert.equal(second, first)
    rmSync(entry)
    copyFileSync(join(real, 'dist/src/cli/launched-main.cjs'), entry)
    assert.notEqual(at(3), first)
    assert.equal(readFileSync(join(space.root, 'm1/b'), 'utf8'), 'base b\n')
    for (let i = 1; i <= 3; i++) assert.equal(spawnSync('umount', [join(space.root, `m${i}`)]).status, 0)
  })

  it('is not that of a caller in a chroot, whose paths mean something else', (t) => {
    const space = hosting(t, 0)
    for (let i = 1; i <= 2; i++) for (const part of ['u', 'w', 'm']) mkdirSync(join(space.root, `${part}${i}`))
    mount(space, 1)
    const inner = join(space.root, 'inner')
    mkdirSync(join(inner, 'stage/base'), { recursive: true })
    const made = makeRoot(inner)
    t.after(() => {
      for (const path of made.reverse()) spawnSync('umount', ['-l', path])
    })
    writeFileSync(join(inner, 'stage/base/who'), 'the inner one\n')
    for (const part of ['u', 'w', 'm']) mkdirSync(join(inner, 'stage', part))
    const env = { ...space.env, STRATAFS_RUN_DIR: '/stage/run' }
    mkdirSync(join(inner, 'stage/run'), { mode: 0o700 })
    made.push(join(inner, 'stage/run'))
    execFileSync('mount', ['--bind', space.runDirectory, join(inner, 'stage/run')])
    const options = 'lowerdir=/stage/base,upperdir=/stage/u,workdir=/stage/w'
    const { status, stderr } = spawnSync('chroot', [inner, LAUNCH, '-o', options, '/stage/m'], {
      encoding: 'utf8',
      env,
    })
    assert.deepEqual([status, stderr], [0, ''])
    made.push(join(inner, 'stage/m'))
    assert.equal(readFileSync(join(inner, 'stage/m/who'), 'utf8'), 'the inner one\n')
    assert.equal(new Set(daemonPids(space.runDirectory)).size, 2)
    assert.equal(spawnSync('umount', [join(inner, 'stage/m')]).status, 0)
  })
})

/** Makes `place` look as `real` does, by links, but for the file at `path`, which is its own. */
function likeIn(real: string, place: string, path: string): void {
  const [first = '', ...rest] = path.split('/')
  mkdirSync(place, { recursive: true })
  for (const name of readdirSync(real)) {
    if (name === first) rmSync(join(place, name), { force: true })
    else if (!existsSync(join(place, name))) symlinkSync(join(real, name), join(place, name))
  }
  if (rest.length > 0) likeIn(join(real, first), join(place, first), rest.join('/'))
  else copyFileSync(join(real, first), join(place, first))
}

/** Binds what a program needs to run below `root`; the mountpoints. */
function makeRoot(root: string): string[] {
  const node = dirname(dirname(realpathSync(process.execPath)))
  const wanted = ['/usr', '/lib', '/lib64', '/bin', '/etc', '/dev', '/proc', '/sys', node, checkoutRoot()]
  const made: string[] = []
  for (const path of new Set(wanted)) {
    const at = join(root, path)
    mkdirSync(at, { recursive: true })
    if (spawnSync('mount', ['--rbind', '--make-rslave', path, at]).status === 0) made.push(at)
  }
  return made
}
