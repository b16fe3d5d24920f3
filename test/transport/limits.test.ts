/**
 * The limits of fuse-native that no conformance case meets, and the faults of it that the transport makes good: each
 * shown by what it does, so that a version that behaves otherwise is noticed. The rows are those of
 * test/conformance/limits.ts; what was shown is left for the page (docs/transports.md).
 */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { KNOWN_VERSION, loadFuseNative } from '../../src/transport/fuse-native/package.js'
import { resultsDirectory } from '../conformance/column-run.js'
import { limits, mended } from '../conformance/limits.js'
import { isGone, MAIN } from '../daemon/harness.js'

const O_PATH = 0o10000000
const unloadable = loadFuseNative()
const skip =
  process.getuid?.() !== 0 || !fs.existsSync('/dev/fuse')
    ? 'needs root and /dev/fuse'
    : typeof unloadable === 'string'
      ? unloadable
      : false

const shown: string[] = []
/** One row of the list: the test bears its words. */
function row(id: string, act: () => void | Promise<void>): void {
  const words = limits.find((limit) => limit.id === id)?.what ?? mended.find((one) => one.id === id)?.fault
  assert.ok(words, `there is no row ${id}`)
  it(`${id}: ${words}`, { skip }, async () => {
    await act()
    shown.push(id)
  })
}

let root = ''
let other = ''
const at = (...names: string[]): string => join(root, ...names)
const merged = (...names: string[]): string => at('merged', ...names)

function stratafs(...words: string[]): string {
  const env = { ...process.env, STRATAFS_RUN_DIR: at('run') }
  return execFileSync(process.execPath, [MAIN, ...words], { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'pipe'] })
}

function make(files: Record<string, string>): void {
  for (const [path, content] of Object.entries(files)) {
    fs.mkdirSync(dirname(path), { recursive: true })
    fs.writeFileSync(path, content)
  }
}

const counted = (kind: string): number =>
  JSON.parse(stratafs('stats', '--json', merged())).mounts[0].counters.byKind[kind] ?? 0

before(() => {
  if (skip !== false) return
  root = fs.mkdtempSync(join(tmpdir(), 'stratafs-limits-'))
  other = fs.mkdtempSync('/dev/shm/stratafs-limits-')
  for (const name of ['upper', 'work', 'merged', 'busy']) fs.mkdirSync(at(name))
  make({ [at('lower/a')]: 'old!', [at('lower/d/f')]: 'f', [at('lower/timed')]: '', [join(other, 'far')]: '' })
  execFileSync('touch', ['-d', '2020-09-13 12:26:40.123456789Z', at('lower/timed')])
  const layers = ['--lower', at('lower'), '--lower', other, '--upper', at('upper'), '--work', at('work')]
  stratafs('mount', '--transport', 'fuse-native', ...layers, merged())
})

after(() => {
  if (root === '') return
  for (const path of [merged(), at('busy'), at('raw')]) spawnSync('umount', ['-l', path])
  fs.rmSync(root, { recursive: true, force: true })
  fs.rmSync(other, { recursive: true, force: true })
  fs.mkdirSync(resultsDirectory, { recursive: true })
  fs.writeFileSync(join(resultsDirectory, 'limits.json'), `${JSON.stringify(shown)}\n`)
})

describe('limits of fuse-native', () => {
  row('times-milliseconds', () => {
    assert.equal(fs.statSync(at('lower/timed'), { bigint: true }).mtimeNs, 1_600_000_000_123_456_789n)
    assert.equal(fs.statSync(merged('timed'), { bigint: true }).mtimeNs, 1_600_000_000_123_000_000n)
  })

  row('pages-of-links', () => {
    fs.writeFileSync(merged('p'), 'old!')
    fs.linkSync(merged('p'), merged('q'))
    const fd = fs.openSync(merged('q'), 'r')
    const read = () => {
      const buffer = Buffer.alloc(4)
      fs.readSync(fd, buffer, 0, 4, 0)
      return buffer.toString()
    }
    assert.equal(read(), 'old!')
    const writer = fs.openSync(merged('p'), 'r+')
    fs.writeSync(writer, 'new!')
    fs.closeSync(writer)
    assert.equal(read(), 'old!')
    fs.closeSync(fd)
    assert.equal(fs.readFileSync(merged('q'), 'utf8'), 'new!')
  })

  row('removed-parent', () => {
    const fd = fs.openSync(merged('d/f'), 'r')
    fs.unlinkSync(merged('d/f'))
    assert.equal(fs.fstatSync(fd).nlink, 0)
    assert.equal(fs.readFileSync(fd, 'utf8'), 'f')
    fs.rmdirSync(merged('d'))
    assert.throws(() => fs.fstatSync(fd), { code: 'ENOENT' })
    fs.closeSync(fd)
  })

  row('removed-path-only', () => {
    fs.writeFileSync(merged('x'), '')
    const fd = fs.openSync(merged('x'), O_PATH)
    fs.unlinkSync(merged('x'))
    assert.throws(() => fs.fstatSync(fd), { code: 'ENOENT' })
    fs.closeSync(fd)
    fs.mkdirSync(merged('gone'))
    const { status } = spawnSync('sh', ['-c', 'rmdir ../gone && ls .'], { cwd: merged('gone') })
    assert.notEqual(status, 0)
  })

  row('replace-open', () => {
    make({ [merged('from')]: '1', [merged('to')]: '2' })
    const before = counted('rename')
    const fd = fs.openSync(merged('to'), 'r')
    fs.renameSync(merged('from'), merged('to'))
    assert.equal(fs.readFileSync(fd, 'utf8'), '2')
    fs.closeSync(fd)
    assert.equal(fs.readFileSync(merged('to'), 'utf8'), '1')
    assert.equal(counted('rename'), before + 2)
  })

  row('inode-numbers', () => {
    const { ino } = fs.statSync(merged('far'))
    assert.ok(ino >= 2 ** 31 && ino < 2 ** 32, `${ino} is folded into the upper half`)
    assert.ok(fs.statSync(merged('a')).ino < 2 ** 31)
  })

  row('hidden-names', () => {
    fs.writeFileSync(merged('h'), 'h')
    const fd = fs.openSync(merged('h'), 'r')
    fs.renameSync(merged('h'), merged('.fuse_hidden0123456789abcdef'))
    fs.closeSync(fd)
    assert.ok(!fs.readdirSync(at('upper')).some((name) => name.startsWith('.fuse_hidden')))
  })

  row('hidden-files', () => {
    fs.mkdirSync(merged('hd'))
    fs.writeFileSync(merged('hd/f'), 'still here')
    const fd = fs.openSync(merged('hd/f'), 'r+')
    fs.unlinkSync(merged('hd/f'))
    assert.deepEqual(fs.readdirSync(merged('hd')), [])
    assert.deepEqual(fs.readdirSync(at('upper/hd')), [])
    fs.writeSync(fd, 'Still', 0)
    assert.equal(fs.readFileSync(fd, 'utf8'), 'Still here')
    fs.closeSync(fd)
    fs.rmdirSync(merged('hd'))
  })

  row('links-of-removed', async () => {
    const fd = fs.openSync(merged('a'), 'r')
    fs.unlinkSync(merged('a'))
    assert.equal(fs.fstatSync(fd).nlink, 0)
    fs.closeSync(fd)
    await withRaw(1000, (raw) => assert.equal(fs.statSync(join(raw, 'file')).nlink, 1))
  })

  row('main-thread', async () => {
    const source = fs.readFileSync(createRequire(import.meta.url).resolve('fuse-native/fuse-native.c'), 'utf8')
    assert.match(source, /uv_async_init\(uv_default_loop\(\)/)
    const module = new URL('../../src/transport/fuse-native/package.js', import.meta.url).href
    const text = `import(${JSON.stringify(module)}).then((m) => postMessage(m.loadFuseNative()))`
    const script = `const { parentPort } = require('node:worker_threads'); const postMessage = (v) => parentPort.postMessage(v); ${text}`
    const worker = new Worker(script, { eval: true })
    const said = await new Promise((resolve) => worker.once('message', resolve))
    await worker.terminate()
    assert.equal(said, 'it works on the main thread only')
  })

  row('mount-over-mount', () => {
    execFileSync('mount', ['-t', 'tmpfs', 'stratafs-limits', at('busy')])
    const mounted = () => stratafs('mount', '--transport', 'fuse-native', '--lower', at('lower'), at('busy'))
    assert.throws(mounted, /fuse-native cannot mount where something is mounted already/)
    execFileSync('umount', [at('busy')])
  })
})

describe('faults of fuse-native that are made good', () => {
  row('utimens-twice', async () => {
    await withRaw(1000, async (raw, next) => {
      fs.utimesSync(join(raw, 'file'), 1000, 2000)
      assert.deepEqual(await next(), { atime: 1_000_000, mtime: 1_000_000 })
    })
    fs.writeFileSync(merged('u'), '')
    fs.utimesSync(merged('u'), 1000.5, 2000.25)
    const { atimeMs, mtimeMs } = fs.statSync(at('upper/u'))
    assert.deepEqual([atimeMs, mtimeMs], [1_000_500, 2_000_250])
  })

  row('timers', async () => {
    await withRaw(300, (raw) => {
      const { stderr } = spawnSync('readlink', ['-v', join(raw, 'slow')], { encoding: 'utf8', env: { LC_ALL: 'C' } })
      assert.match(stderr, /timed out/)
    })
  })

  row('zero-timeouts', async () => {
    await withRaw(1000, (_raw, _next, options) => assert.equal(options, '-oac_attr_timeout=0'))
  })

  row('library-not-found', () => {
    const bare = spawnSync(process.execPath, ['-e', "require('fuse-native')"], {
      cwd: dirname(fileURLToPath(import.meta.url)),
      encoding: 'utf8',
    })
    const hostHasIt = spawnSync('sh', ['-c', '/sbin/ldconfig -p | grep -q libfuse.so.2']).status === 0
    if (hostHasIt) assert.equal(bare.status, 0)
    else assert.match(bare.stderr, /libfuse\.so\.2/)
    assert.equal(typeof unloadable, 'object')
  })

  row('unmount-program', async () => {
    const source = fs.readFileSync(createRequire(import.meta.url).resolve('fuse-native'), 'utf8')
    assert.match(source, /`fusermount -uz \$\{mnt\}`/)
    const [document] = JSON.parse(stratafs('inspect', merged()))
    execFileSync('umount', [merged()])
    for (let i = 0; i < 600 && !isGone(document.Pid); i++) await new Promise((resolve) => setTimeout(resolve, 50))
    assert.ok(isGone(document.Pid), 'the daemon ended when its mount was unmounted from outside')
  })

  it('the package is the version whose insides are known', () => {
    assert.equal(createRequire(import.meta.url)('fuse-native/package.json').version, KNOWN_VERSION)
  })
})

type Look = (raw: string, next: () => Promise<unknown>, options: string) => void | Promise<void>

/** Runs `look` while the bare package serves `raw`. */
async function withRaw(timeout: number, look: Look): Promise<void> {
  fs.mkdirSync(at('raw'), { recursive: true })
  const script = fileURLToPath(new URL('./raw-fuse.js', import.meta.url))
  const child: ChildProcess = spawn(process.execPath, [script, at('raw'), String(timeout)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]()
  const next = async () => JSON.parse((await lines.next()).value as string)
  try {
    const { error, options } = await next()
    assert.equal(error, null)
    await look(at('raw'), next, options)
  } finally {
    spawnSync('umount', ['-l', at('raw')])
    child.kill('SIGKILL')
    await new Promise((resolve) =>
      child.exitCode === null && child.signalCode === null ? child.once('exit', resolve) : resolve(0),
    )
  }
}
