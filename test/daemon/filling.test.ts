/**
 * The first write to a large file of a lower layer, on real mounts: nobody waits for the copy, what was written and
 * what was not are read at once, and the upper gets the whole file or none, whatever comes meanwhile.
 */
import assert from 'node:assert/strict'
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { daemonPids, eventually, isGone, MAIN, needsRoot, type Workspace, workspace } from './harness.js'

const HISTORY = fileURLToPath(new URL('./filling-history.js', import.meta.url))
const MIB = 1 << 20
const SIZE = 72 * MIB + 777
const MODES = ['cached', 'passthrough'] as const

/** A workspace whose base has `big`: data, with holes. */
function prepared(t: TestContext): Workspace {
  const w = workspace(t)
  const fd = fs.openSync(join(w.base, 'big'), 'w')
  const bytes = randomBytes(8 * MIB)
  for (let at = 0; at < SIZE; at += 9 * MIB) fs.writeSync(fd, bytes, 0, Math.min(bytes.length, SIZE - at), at)
  fs.ftruncateSync(fd, SIZE)
  fs.closeSync(fd)
  return w
}

function mount(w: Workspace, data: string, upper = w.upper, work = w.work): void {
  const { status, stderr } = w.run('-o', `lowerdir=${w.base},upperdir=${upper},workdir=${work},data=${data}`, w.merged)
  assert.equal(status, 0, stderr)
}

function unmount(w: Workspace): void {
  const { status, stderr } = w.run('unmount', w.merged)
  assert.equal(status, 0, stderr)
}

function history(w: Workspace, seed: number, acts: number, prefix: readonly string[] = []): SpawnSyncReturns<string> {
  const words = [
    ...prefix,
    process.execPath,
    HISTORY,
    join(w.merged, 'big'),
    join(w.root, 'plain'),
    String(seed),
    String(acts),
  ]
  return spawnSync(words[0]!, words.slice(1), { encoding: 'utf8', timeout: 60_000, env: w.env })
}

function hash(path: string): string {
  return spawnSync('sha256sum', [path], { encoding: 'utf8' }).stdout.split(' ')[0]!
}

for (const data of MODES)
  test(`by chance, against a plain file: ${data}`, needsRoot, (t) => {
    const w = prepared(t)
    const before = hash(join(w.base, 'big'))
    const seed = Number(process.env.STRATAFS_SEED ?? Date.now() % 1e6)
    fs.copyFileSync(join(w.base, 'big'), join(w.root, 'plain'))
    mount(w, data)
    const { status, stdout, stderr } = history(w, seed, 1500)
    assert.equal(status, 0, stderr)
    unmount(w)
    assert.equal(hash(join(w.upper, 'big')), hash(join(w.root, 'plain')))
    const upper = fs.statSync(join(w.upper, 'big'), { bigint: true })
    assert.deepEqual({ mtime: String(upper.mtimeNs), mode: Number(upper.mode) }, JSON.parse(stdout))
    assert.equal(hash(join(w.base, 'big')), before, 'the lower file is as it was')
  })

test('by chance, against a plain file: an ordinary user', needsRoot, (t) => {
  const w = prepared(t)
  fs.copyFileSync(join(w.base, 'big'), join(w.root, 'plain'))
  const seed = String(process.env.STRATAFS_SEED ?? Date.now() % 1e6)
  const script = `"$0" "$1" -o "$2" "$3" && "$0" "$4" "$3/big" "$5" ${seed} 1500 && "$0" "$1" unmount "$3"`
  const words = [
    '-Urm',
    'sh',
    '-c',
    script,
    process.execPath,
    MAIN,
    w.options,
    w.merged,
    HISTORY,
    join(w.root, 'plain'),
  ]
  const { status, stderr } = spawnSync('unshare', words, { encoding: 'utf8', timeout: 60_000, env: w.env })
  assert.equal(status, 0, stderr)
  assert.equal(hash(join(w.upper, 'big')), hash(join(w.root, 'plain')))
})

/** Opens the mount's file and writes `mark` at `at`, which begins the copy. */
function begin(w: Workspace, mark = 'mark', at = 50 * MIB): number {
  const fd = fs.openSync(join(w.merged, 'big'), 'r+')
  fs.writeSync(fd, mark, at)
  return fd
}

const errnoOf = (act: () => unknown): string => {
  try {
    act()
    return ''
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}

const inUpper = (w: Workspace): boolean => fs.existsSync(join(w.upper, 'big'))

for (const data of MODES)
  test(`names, while it is copied: ${data}`, needsRoot, async (t) => {
    const w = prepared(t)
    for (const name of ['old', 'other', 'gone', 'over', 'kept'])
      fs.copyFileSync(join(w.base, 'big'), join(w.base, name))
    mount(w, data)
    const at = (name: string): string => join(w.merged, name)
    const fds = ['old', 'other', 'gone', 'over', 'kept', 'big'].map((name) => {
      const fd = fs.openSync(at(name), 'r+')
      fs.writeSync(fd, `in ${name}`, 5 * MIB)
      return fd
    })
    const text = (path: string): string => {
      const fd = fs.openSync(path, 'r')
      const bytes = Buffer.alloc(20)
      fs.readSync(fd, bytes, 0, 20, 5 * MIB)
      fs.closeSync(fd)
      return /^in (old|other|gone|over|kept|big)/.exec(bytes.toString('latin1'))?.[1] ?? 'nothing'
    }
    fs.unlinkSync(at('gone'))
    assert.equal(fs.fstatSync(fds[2]!).nlink, 0)
    fs.renameSync(at('old'), at('new'))
    fs.linkSync(at('other'), at('linked'))
    fs.renameSync(at('kept'), at('over'))
    assert.deepEqual(fs.readdirSync(w.merged).sort(), ['big', 'b', 'a', 'linked', 'new', 'other', 'over'].sort())
    const shown = { new: 'old', other: 'other', linked: 'other', over: 'kept', big: 'big' }
    for (const [name, wrote] of Object.entries(shown)) assert.equal(text(at(name)), wrote, name)
    assert.equal(fs.statSync(at('linked')).ino, fs.statSync(at('other')).ino)
    assert.equal(fs.writeSync(fds[2]!, 'still', 60 * MIB), 5)
    const bytes = Buffer.alloc(5)
    fs.readSync(fds[2]!, bytes, 0, 5, 60 * MIB)
    assert.equal(String(bytes), 'still')
    for (const fd of fds) fs.closeSync(fd)
    assert.ok(await eventually(() => inUpper(w), 20_000), 'it comes to the upper by itself')
    unmount(w)
    for (const [name, wrote] of Object.entries(shown)) assert.equal(text(join(w.upper, name)), wrote, name)
    assert.ok(fs.lstatSync(join(w.upper, 'old')).isCharacterDevice(), 'a whiteout')
    assert.ok(fs.lstatSync(join(w.upper, 'gone')).isCharacterDevice(), 'a whiteout')
    assert.deepEqual(fs.readdirSync(join(w.work, 'work')), [])
  })

/** Writes one piece after the other, slowly: it is given way to, unless somebody waits for the whole file. */
const SLOW_WRITER = `const fs = require('node:fs')
const fd = fs.openSync(process.argv[1], 'r+')
const go = (left) => left > 0 && (fs.writeSync(fd, Buffer.alloc(2 ** 18, 'slow')), setTimeout(go, 8, left - 1))
go(150)`

test('a commit waits for it, and an unmount too', needsRoot, async (t) => {
  const w = prepared(t)
  const whole = (path: string): string => {
    const fd = fs.openSync(path, 'r')
    const bytes = Buffer.alloc(4)
    fs.readSync(fd, bytes, 0, 4, 50 * MIB)
    fs.closeSync(fd)
    return `${bytes}, ${fs.statSync(path).size}`
  }
  mount(w, 'cached')
  const writer = spawn(process.execPath, ['-e', SLOW_WRITER, join(w.merged, 'big')], { stdio: 'ignore' })
  t.after(() => writer.kill())
  const { mtimeMs } = fs.statSync(join(w.base, 'big'))
  assert.ok(await eventually(() => fs.statSync(join(w.merged, 'big')).mtimeMs !== mtimeMs, 5000), 'it has begun')
  const fd = begin(w)
  const { status, stderr } = w.run('commit', w.merged, '--output', join(w.root, 'layer.tar'))
  assert.equal(status, 0, stderr)
  assert.equal(spawnSync('tar', ['-xf', 'layer.tar', 'big'], { cwd: w.root }).status, 0)
  assert.equal(whole(join(w.root, 'big')), `mark, ${SIZE}`)
  writer.kill()
  fs.closeSync(fd)
  assert.ok(await eventually(() => writer.exitCode !== null || writer.signalCode !== null, 5000))
  unmount(w)
  fs.unlinkSync(join(w.upper, 'big'))
  mount(w, 'cached')
  const pids = daemonPids(w.runDirectory)
  fs.closeSync(begin(w))
  assert.equal(spawnSync('umount', [w.merged]).status, 0)
  assert.ok(await eventually(() => pids.every(isGone), 20_000), 'the process ends when it has copied')
  assert.equal(whole(join(w.upper, 'big')), `mark, ${SIZE}`)
})

test('after kill -9 the file is the old one, or after an fsync the new one', needsRoot, async (t) => {
  const w = prepared(t)
  const old = hash(join(w.base, 'big'))
  for (const syncs of [false, true]) {
    mount(w, 'cached')
    const fd = begin(w)
    if (syncs) fs.fsyncSync(fd)
    const pids = daemonPids(w.runDirectory)
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    // With nobody behind it, ECONNABORTED.
    errnoOf(() => fs.closeSync(fd))
    assert.ok(await eventually(() => pids.every(isGone), 5000))
    spawnSync('umount', ['-l', w.merged])
    mount(w, 'cached')
    assert.equal(inUpper(w), syncs)
    assert.equal(hash(join(w.merged, 'big')) === old, !syncs)
    unmount(w)
    assert.deepEqual(fs.readdirSync(join(w.work, 'work')), [], 'no rubbish')
  }
  const bytes = fs.readFileSync(join(w.upper, 'big'))
  assert.equal(bytes.subarray(50 * MIB, 50 * MIB + 4).toString(), 'mark')
})

/** Mounts a tmpfs of so many bytes as the workspace's place for upper and work. */
function smallUpper(t: TestContext, w: Workspace, bytes: number): { upper: string; work: string; place: string } {
  const place = join(w.root, 'small')
  fs.mkdirSync(place)
  assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', place]).status, 0)
  t.after(() => spawnSync('umount', ['-l', place]))
  const [upper, work] = [join(place, 'upper'), join(place, 'work')]
  for (const path of [upper, work]) fs.mkdirSync(path)
  return { upper, work, place }
}

/** Opens `big`, and writes to it while somebody else takes the room that was there when that began. */
function writtenWhileFull(w: Workspace, place: string): number {
  const fd = fs.openSync(join(w.merged, 'big'), 'r+')
  const taken = fs.openSync(join(place, 'taken'), 'w')
  // Who writes one piece after the other is given way to.
  fs.writeSync(fd, Buffer.alloc(MIB >> 2, 'mark'))
  for (let at = 0; at < 60 * MIB; at += 2 * MIB) {
    if (errnoOf(() => fs.writeSync(taken, Buffer.alloc(2 * MIB))) !== '') break
    if (errnoOf(() => fs.writeSync(fd, Buffer.alloc(MIB >> 2, 'mark'))) !== '') break
  }
  fs.closeSync(taken)
  return fd
}

test('a full filesystem: who syncs is told so, and with room it goes on', needsRoot, async (t) => {
  const w = prepared(t)
  const { upper, work, place } = smallUpper(t, w, 90 * MIB)
  mount(w, 'passthrough', upper, work)
  const fd = writtenWhileFull(w, place)
  const sync = (): string => errnoOf(() => fs.fsyncSync(fd))
  assert.equal(sync(), 'ENOSPC')
  assert.equal(fs.existsSync(join(upper, 'big')), false)
  const bytes = Buffer.alloc(4)
  fs.readSync(fd, bytes, 0, 4, 4)
  assert.equal(String(bytes), 'mark', 'what was written is still read')
  fs.unlinkSync(join(place, 'taken'))
  // With room again it goes on, at the latest for who tries a second time.
  assert.ok(await eventually(() => sync() === '', 10_000))
  assert.equal(fs.statSync(join(upper, 'big')).size, SIZE)
  fs.closeSync(fd)
  unmount(w)
})

test('a full filesystem at the end of the mount: the old file stays', needsRoot, (t) => {
  const w = prepared(t)
  const { upper, work, place } = smallUpper(t, w, 90 * MIB)
  mount(w, 'cached', upper, work)
  fs.closeSync(writtenWhileFull(w, place))
  unmount(w)
  assert.equal(fs.existsSync(join(upper, 'big')), false)
  assert.deepEqual(fs.readdirSync(join(work, 'work')), [])
})

test('with copyup=wait it is whole before the first write', needsRoot, (t) => {
  const w = prepared(t)
  const options = `lowerdir=${w.base},upperdir=${w.upper},workdir=${w.work},copyup=wait`
  assert.equal(w.run('-o', options, w.merged).status, 0)
  const fd = fs.openSync(join(w.merged, 'big'), 'r+')
  fs.writeSync(fd, 'mark')
  assert.equal(fs.statSync(join(w.upper, 'big')).size, SIZE)
  fs.closeSync(fd)
  unmount(w)
})

test('without room for it the one who opens it is told so', needsRoot, (t) => {
  const w = prepared(t)
  const { upper, work } = smallUpper(t, w, 20 * MIB)
  mount(w, 'passthrough', upper, work)
  assert.equal(
    errnoOf(() => fs.closeSync(begin(w))),
    'ENOSPC',
  )
  assert.equal(hash(join(w.merged, 'big')), hash(join(w.base, 'big')))
  unmount(w)
})

test('two mounts over one layer, and writers beside readers', needsRoot, async (t) => {
  const w = prepared(t)
  const second = join(w.root, 'second')
  for (const name of ['second', 'upper2', 'work2']) fs.mkdirSync(join(w.root, name))
  mount(w, 'passthrough')
  const options = `lowerdir=${w.base},upperdir=${join(w.root, 'upper2')},workdir=${join(w.root, 'work2')}`
  assert.equal(w.run('-o', options, second).status, 0)
  const old = hash(join(w.base, 'big'))
  const reader = fs.openSync(join(w.merged, 'big'), 'r')
  const writers = [0, 1].map((i) =>
    spawn('dd', [
      `of=${join(w.merged, 'big')}`,
      'if=/dev/zero',
      'bs=64k',
      'conv=notrunc',
      `seek=${i * 500}`,
      'count=400',
      'status=none',
    ]),
  )
  const ends = await Promise.all(writers.map((child) => new Promise((resolve) => child.once('close', resolve))))
  assert.deepEqual(ends, [0, 0])
  assert.equal(hash(join(second, 'big')), old)
  const bytes = Buffer.alloc(16)
  fs.readSync(reader, bytes, 0, 16, 1000)
  fs.closeSync(reader)
  const want = fs.readFileSync(join(w.base, 'big'))
  for (const i of [0, 1]) want.fill(0, i * 500 * 65536, (i * 500 + 400) * 65536)
  assert.ok(fs.readFileSync(join(w.merged, 'big')).equals(want))
  assert.equal(w.run('unmount', second).status, 0)
  unmount(w)
  assert.ok(fs.readFileSync(join(w.upper, 'big')).equals(want))
})
