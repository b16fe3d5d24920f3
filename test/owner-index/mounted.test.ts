/**
 * The index on a real mount: plain sqlite3 reads it meanwhile, commands about owners agree with the files that are
 * seen, what two builds at once leave is whole, kill -9 costs nothing, and layers edited between two mounts are
 * noticed.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'

const MAIN = fileURLToPath(new URL('../../src/cli/stratafs.cjs', import.meta.url))
const root = mkdtempSync(join(tmpdir(), 'stratafs-mounted-'))
const at = (path: string): string => join(root, path)
const skip = process.getuid?.() !== 0 || !existsSync('/dev/fuse') ? 'mounts as root' : false
const environment = { ...process.env, STRATAFS_RUN_DIR: at('run'), STRATAFS_STACKS: at('stacks') }

function run(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [MAIN, ...words], { encoding: 'utf8', cwd: root, env: environment })
}

function done(...words: string[]): string {
  const { status, stdout, stderr } = run(...words)
  assert.equal(status, 0, stderr)
  return stdout
}

function put(path: string, content = path): void {
  mkdirSync(dirname(at(path)), { recursive: true })
  writeFileSync(at(path), content)
}

const LAYERS = ['--lower', 'a', '--lower', 'b', '--lower', 'c']
const STACK = [...LAYERS, '--upper', 'u', '--work', 'w']
const mount = (...more: string[]): string => done('mount', ...STACK, ...more, 'm')
const unmount = (): string => done('unmount', 'm')
/** Longer than what was changed just now is mistrusted. */
const settle = (): Promise<void> => sleep(2200)

before(() => {
  for (const layer of ['a', 'b', 'c', 'u', 'w', 'm']) mkdirSync(at(layer), { recursive: true })
  for (const [at, layer] of ['a', 'b', 'c'].entries()) {
    put(`${layer}/etc/conf`)
    put(`${layer}/etc/own-${layer}`)
    put(`${layer}/usr/share/deep/down/file-${layer}`, 'x'.repeat(1000 * (at + 1)))
  }
  put('c/opaque/below')
  mkdirSync(at('b/opaque'))
  if (skip === false) execFileSync('setfattr', ['-n', 'trusted.overlay.opaque', '-v', 'y', at('b/opaque')])
})

after(() => {
  if (readFileSync('/proc/self/mounts', 'utf8').includes(` ${at('m')} `)) spawnSync('umount', ['-l', at('m')])
  rmSync(root, { recursive: true, force: true })
})

/** What the view says: path to layer. */
function owners(): Record<string, number> {
  const db = new Database(at('w/index.db'), { readonly: true })
  const rows = db.prepare('SELECT path, layer FROM owners ORDER BY path').all() as { path: string; layer: number }[]
  db.close()
  return Object.fromEntries(rows.map(({ path, layer }) => [path, layer]))
}

function tree(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((path) => `/${path}`)
    .sort()
}

test('built, read with SQL while mounted, followed, verified', { skip }, async () => {
  await settle()
  mount()
  try {
    assert.match(done('index', 'build', 'm'), /^\d+ entries in \d+ directories/)
    assert.equal(JSON.parse(done('index', 'status', 'm', '--json')).complete, true)
    assert.deepEqual(Object.keys(owners()), tree(at('m')))
    assert.equal(owners()['/etc/conf'], 0)
    rmSync(at('m/etc/conf'))
    put('m/etc/new')
    chmodSync(at('m/etc/own-c'), 0o600)
    renameSync(at('m/usr/share'), at('m/usr/moved'))
    // Changes are told and committed within a second.
    await sleep(1200)
    const now = owners()
    assert.deepEqual(Object.keys(now), tree(at('m')))
    const some = ['/etc/new', '/etc/own-c', '/etc/own-b', '/usr/moved', '/usr/moved/deep/down/file-b']
    assert.deepEqual(
      some.map((path) => now[path]),
      [-1, -1, 1, -1, 1],
    )
    const text = execFileSync('sqlite3', [at('w/index.db'), "SELECT layer FROM owners WHERE path = '/etc/own-b'"])
    assert.equal(String(text), '1\n')
    assert.equal(run('index', 'verify', 'm').status, 0, run('index', 'verify', 'm').stdout)
    assert.match(done('stats', 'm'), /index\.state +ready/)
  } finally {
    unmount()
  }
  assert.equal(run('index', 'verify', ...STACK).status, 0, run('index', 'verify', ...STACK).stdout)
})

test('an index that was built beforehand is used, however its layers were spelled', { skip }, async () => {
  await settle()
  symlinkSync('b', at('link-to-b'))
  for (const [lowers, shared] of [
    [['a/', './b', 'c'], false],
    [['a', 'link-to-b', 'c//'], false],
    [['a/', 'link-to-b/', 'c'], true],
  ] as const) {
    for (const work of ['u2', 'w2']) rmSync(at(work), { recursive: true, force: true })
    for (const work of ['u2', 'w2']) mkdirSync(at(work))
    const words = lowers.flatMap((lower) => ['--lower', lower])
    rmSync(at('stacks'), { recursive: true, force: true })
    done('index', 'build', ...words, ...(shared ? [] : ['--work', 'w2/']))
    done('mount', ...LAYERS, '--upper', 'u2', '--work', 'w2', 'm')
    try {
      const state = (): string => JSON.parse(done('stats', 'm', '--json')).mounts[0].counters.index.state
      for (let i = 0; i < 100 && state() !== 'ready'; i++) await sleep(100)
      assert.equal(state(), 'ready')
      assert.equal(JSON.parse(done('index', 'status', 'm', '--json')).complete, true, lowers.join(' '))
    } finally {
      unmount()
    }
  }
})

test('an index tells of itself, and goes, when its layers are gone', { skip }, () => {
  mkdirSync(at('w3'))
  mkdirSync(at('gone'))
  done('index', 'build', '--lower', 'gone', '--work', 'w3')
  rmSync(at('gone'), { recursive: true })
  const words = ['--lower', 'gone', '--work', 'w3']
  assert.match(run('index', 'build', ...words).stderr, /lowerdir .*gone does not exist/)
  assert.equal(JSON.parse(done('index', 'status', ...words, '--json')).exists, true)
  done('index', 'drop', ...words)
  assert.ok(!existsSync(at('w3/index.db')))
})

test('owners of a mount are those of its plain layers', { skip }, () => {
  mount()
  try {
    for (const path of ['etc/own-b', 'etc', 'etc/new', 'usr/moved/deep/down/file-b', 'opaque']) {
      const mounted = JSON.parse(done('which', '--json', `m/${path}`)).paths[0]
      const plain = JSON.parse(done('which', '--json', ...LAYERS, '--upper', 'u', path)).paths[0]
      assert.deepEqual({ ...mounted, path }, plain)
    }
    assert.equal(done('ls', '--layers', 'm/etc'), done('ls', '--layers', ...LAYERS, '--upper', 'u', 'etc'))
    assert.equal(done('du', '--by-layer', 'm'), done('du', '--by-layer', ...LAYERS, '--upper', 'u'))
    for (const [path, words] of [
      ['opaque/below', /does not show\n {2}lower 2 .* \(behind an opaque directory in lower 1 \(b\)\)/],
      ['etc/conf', /does not show\n {2}upper .* \(whiteout\)\n {2}lower 0 .* \(behind a whiteout in the upper\)/],
    ] as const) {
      for (const shown of [run('which', `m/${path}`), run('which', ...LAYERS, '--upper', 'u', path)]) {
        assert.match(shown.stdout, words)
        assert.equal(shown.status, 1)
      }
    }
  } finally {
    unmount()
  }
})

/** Every name with what find says of it. */
function picture(): string {
  return String(execFileSync('find', [at('m'), '-printf', '%P %m %s %T@ %y\n']))
    .split('\n')
    .sort()
    .join('\n')
}

test('layers edited deep inside between two mounts are noticed', { skip }, async () => {
  put('c/usr/share/deep/down/removed')
  await settle()
  done('index', 'build', ...STACK)
  assert.equal(run('index', 'verify', ...STACK).status, 0)
  writeFileSync(at('c/usr/share/deep/down/added'), 'new')
  rmSync(at('c/usr/share/deep/down/removed'))
  renameSync(at('b/etc/own-b'), at('b/etc/other-b'))
  chmodSync(at('b/usr/share/deep/down/file-b'), 0o711)
  // The same size, and its time put back.
  writeFileSync(at('a/etc/own-a'), 'A/etc/own-a')
  utimesSync(at('a/etc/own-a'), 1, 1)
  const { status, stdout } = run('index', 'verify', ...STACK)
  assert.equal(status, 1)
  for (const words of [
    '/usr/share/deep/down/added: missing in the index',
    '/usr/share/deep/down/removed: not in the layers',
    '/etc/own-b: not in the layers',
    '/etc/other-b: missing in the index',
    '/usr/share/deep/down/file-b: differs in mode',
    '/etc/own-a: differs in ctime',
  ])
    assert.ok(stdout.includes(words), `${words}\n${stdout}`)
  mount()
  const seen = picture()
  unmount()
  mount('-o', 'index=off')
  const right = picture()
  unmount()
  assert.equal(seen, right)
})

test('kill -9: the next mount is right and repairs the index', { skip }, async () => {
  mount()
  put('m/etc/last')
  const { Pid } = JSON.parse(done('inspect', 'm'))[0] as { Pid: number }
  process.kill(Pid, 'SIGKILL')
  await sleep(300)
  execFileSync('umount', ['-l', at('m')])
  mount()
  try {
    assert.equal(readFileSync(at('m/etc/last'), 'utf8'), 'm/etc/last')
    await sleep(1200)
    assert.equal(owners()['/etc/last'], -1)
  } finally {
    unmount()
  }
})

test('two builds at once leave a whole shared index, which a new mount begins with', { skip }, async () => {
  await settle()
  const build = (): Promise<number | null> =>
    new Promise((resolve) => {
      const child = spawn(process.execPath, [MAIN, 'index', 'build', ...LAYERS], {
        cwd: root,
        env: environment,
        stdio: 'ignore',
      })
      child.on('exit', resolve)
    })
  assert.deepEqual(await Promise.all([build(), build()]), [0, 0])
  assert.equal(run('index', 'verify', ...LAYERS).status, 0)
  assert.equal(readdirSync(at('stacks')).filter((name) => name.includes('.db')).length, 1)
  done('index', 'drop', ...STACK)
  mount('-o', 'index_fill=visited')
  try {
    const deadline = Date.now() + 5000
    let index = { From: '', Complete: false }
    while (!index.Complete && Date.now() < deadline) index = JSON.parse(done('inspect', 'm'))[0].Index
    assert.deepEqual([index.From, index.Complete], ['shared', true])
    assert.match(run('index', 'build', ...STACK).stderr, /workdir .* is in use by another mount/)
    assert.equal(done('index', 'drop', 'm'), 'dropped\n')
    assert.equal(JSON.parse(done('index', 'status', 'm', '--json')).complete, false)
  } finally {
    unmount()
  }
})

/** A fresh mount of two layers that share no directory but the root, and `b`, which `more` of the second lie in. */
function mountApart(...more: string[]): void {
  for (const path of ['l1', 'l2', 'u4', 'w4']) rmSync(at(path), { recursive: true, force: true })
  for (const path of ['u4', 'w4']) mkdirSync(at(path))
  put('l1/a/y')
  put('l2/b/z')
  put('l2/b/deep/x')
  done('mount', '--lower', 'l1', '--lower', 'l2', '--upper', 'u4', '--work', 'w4', ...more, 'm')
}

function asked<T>(sql: string): T[] {
  try {
    const db = new Database(at('w4/index.db'), { readonly: true, fileMustExist: true })
    try {
      return db.prepare(sql).all() as T[]
    } finally {
      db.close()
    }
  } catch {
    return []
  }
}

async function until(is: () => boolean): Promise<boolean> {
  for (let i = 0; i < 80 && !is(); i++) await sleep(100)
  return is()
}

test('a directory that lies in one layer has its rows once it was visited', { skip }, async () => {
  mountApart('-o', 'index_fill=visited')
  try {
    readdirSync(at('m/b'))
    const owner = "SELECT path, layer FROM owners WHERE path LIKE '/b/%' ORDER BY path"
    await until(() => asked(owner).length > 0)
    const rows = [
      { path: '/b/deep', layer: 1 },
      { path: '/b/z', layer: 1 },
    ]
    assert.deepEqual(asked(owner), rows)
    const [{ complete, directories_read: read, directories_found: found }] = asked<Record<string, number>>(
      'SELECT * FROM coverage',
    ) as [Record<string, number>]
    assert.equal(complete, 0)
    assert.ok(read! < found!, `${read} of ${found}`)
  } finally {
    unmount()
  }
})

test('the index is filled until it is complete, by itself, and tells so', { skip }, async () => {
  mountApart()
  try {
    type Coverage = { complete: number; upper: string; directories_read: number; directories_found: number }
    const coverage = (): Coverage | undefined => asked<Coverage>('SELECT * FROM coverage')[0]
    assert.ok(await until(() => coverage()?.complete === 1))
    assert.deepEqual(coverage(), { directories_read: 4, directories_found: 4, complete: 1, upper: 'followed' })
    const { Index } = JSON.parse(done('inspect', 'm'))[0]
    assert.deepEqual([Index.Complete, Index.Coverage, Index.UpperRead], [true, { Read: 4, Found: 4 }, true])
  } finally {
    unmount()
  }
  assert.equal(asked<{ upper: string }>('SELECT upper FROM coverage')[0]!.upper, 'clean')
})
