/**
 * The package as npm packs it, unpacked beside the modules it depends on and nothing else: it is whole, holds nothing
 * that only development needs, and says what is wrong where a binary is missing or is another machine's or another
 * Node's.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { checkoutRoot } from '../../scripts/checkout.js'
import { runtimeModules } from '../../scripts/package/modules.js'
import { eventually, needsRoot } from '../daemon/harness.js'

const root = checkoutRoot()
const MACHINE = `${process.platform}-${process.arch}`
let place = ''
let packed: string[] = []

before(() => {
  place = fs.mkdtempSync(join(tmpdir(), 'stratafs-package-'))
  const words = ['pack', '--ignore-scripts', '--silent', '--pack-destination', place]
  const tarball = join(place, execFileSync('npm', words, { cwd: root, encoding: 'utf8' }).trim())
  packed = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n')
  const modules = join(place, 'node_modules')
  fs.mkdirSync(join(modules, 'stratafs'), { recursive: true })
  execFileSync('tar', ['-xzf', tarball, '-C', join(modules, 'stratafs'), '--strip-components=1'])
  for (const path of runtimeModules(root)) fs.cpSync(join(root, path), join(place, path), { recursive: true })
})

after(() => fs.rmSync(place, { recursive: true, force: true }))

/** The package's own copy for one test, which may spoil it. */
function copy(name: string): string {
  const folder = join(place, name)
  fs.mkdirSync(folder)
  fs.cpSync(join(place, 'node_modules'), join(folder, 'node_modules'), { recursive: true })
  return join(folder, 'node_modules/stratafs')
}

/** Runs the command of the package in `folder`; `PATH` finds the Node that runs this test. */
function run(folder: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const env: NodeJS.ProcessEnv = { ...process.env, PATH: `${join(process.execPath, '..')}:${process.env.PATH}` }
  env.STRATAFS_RUN_DIR = join(place, 'run')
  env.STRATAFS_STACKS = join(place, 'stacks')
  fs.mkdirSync(env.STRATAFS_RUN_DIR, { recursive: true })
  const made = spawnSync(join(folder, 'scripts/stratafs'), args, { encoding: 'utf8', env, timeout: 60_000, cwd: place })
  return { status: made.status, stdout: made.stdout, stderr: made.stderr }
}

/** A lower with one file, an upper and a workdir, and where to mount. */
function ground(name: string): { lower: string; work: string; merged: string; options: string[] } {
  const at = (kind: string) => join(place, `${name}-${kind}`)
  for (const kind of ['lower', 'upper', 'work', 'merged']) fs.mkdirSync(at(kind))
  fs.writeFileSync(join(at('lower'), 'file'), 'text')
  const options = ['--lower', at('lower'), '--upper', at('upper'), '--work', at('work')]
  return { lower: at('lower'), work: at('work'), merged: at('merged'), options }
}

test('it holds what a user needs and nothing else', () => {
  const has = (path: string) => assert.ok(packed.includes(`package/${path}`), path)
  for (const name of ['stratafs.node', 'launch']) has(`native-bindings/prebuilt/${MACHINE}/${name}`)
  for (const path of ['scripts/stratafs', 'dist/src/index.d.ts', 'native-bindings/binding.gyp']) has(path)
  const endings = /\.map$|\.o$|\.a$|\.v\d+\.\d+\.\d+-/
  const folders = /\/obj|darwin|win32|\/(test|bench|\.cache)\/|\/scripts\/(?!stratafs$|install-native)/
  assert.deepEqual(
    packed.filter((path) => endings.test(path) || folders.test(path)),
    [],
  )
})

test('every package that it names is loaded by something, and every one that is loaded is there', () => {
  const { dependencies } = JSON.parse(fs.readFileSync(join(root, 'package.json'), 'utf8'))
  const files = fs
    .readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
  const text = files.map((path) => fs.readFileSync(join(root, 'src', path), 'utf8')).join('\n')
  for (const name of Object.keys(dependencies)) assert.match(text, new RegExp(`from '${name}'`), name)
})

test('a mount of it has attributes and an index', needsRoot, async () => {
  const folder = join(place, 'node_modules/stratafs')
  const { merged, options } = ground('whole')
  const mounted = run(folder, 'mount', ...options, merged)
  assert.deepEqual([mounted.status, mounted.stderr], [0, ''])
  try {
    const [document] = JSON.parse(run(folder, 'inspect', merged).stdout)
    assert.deepEqual(document.Transport, { Name: 'dev-fuse', Why: null })
    execFileSync('setfattr', ['-n', 'user.x', '-v', '1', join(merged, 'file')])
    // The writer opens it beside the mount.
    const isThere = () => run(folder, 'index', 'status', merged).stdout.includes('in use by its mount')
    assert.ok(await eventually(isThere, 10_000), run(folder, 'index', 'status', merged).stderr)
  } finally {
    assert.equal(run(folder, 'unmount', merged).status, 0)
  }
})

test('without its addon a mount says in one line what is lost and what to do', needsRoot, (t) => {
  if (process.arch !== 'x64') return t.skip('fuse-native is built for x86-64 only')
  const folder = copy('no-addon')
  fs.rmSync(join(folder, `native-bindings/prebuilt/${MACHINE}/stratafs.node`))
  const { merged, options } = ground('lost')
  const { status, stderr } = run(folder, 'mount', ...options, merged)
  assert.equal(status, 0, stderr)
  assert.equal(run(folder, 'unmount', merged).status, 0)
  assert.match(
    stderr,
    /^stratafs: serving over fuse-native .*no extended attributes, ACLs, index .*npm rebuild stratafs.*\n$/,
  )
})

test('an addon that cannot be loaded is told with the reason', needsRoot, (t) => {
  if (process.arch !== 'x64') return t.skip('fuse-native is built for x86-64 only')
  const folder = copy('bad-addon')
  fs.writeFileSync(join(folder, `native-bindings/prebuilt/${MACHINE}/stratafs.node`), 'no ELF at all')
  const { merged, options } = ground('bad')
  const { status, stderr } = run(folder, 'mount', ...options, merged)
  assert.equal(status, 0, stderr)
  assert.equal(run(folder, 'unmount', merged).status, 0)
  assert.match(
    stderr,
    /^stratafs: serving over fuse-native .*stratafs\.node cannot be loaded: .*npm rebuild stratafs.*\n$/,
  )
})

test('the command runs where no launcher is for this machine', () => {
  const folder = copy('foreign')
  const prebuilt = join(folder, 'native-bindings/prebuilt')
  const release = join(folder, 'native-bindings/build/Release')
  const other = process.arch === 'x64' ? 'linux-arm64' : 'linux-x64'
  fs.mkdirSync(join(prebuilt, other), { recursive: true })
  fs.mkdirSync(release, { recursive: true })
  fs.rmSync(join(prebuilt, MACHINE, 'launch'))
  // Another machine's, as far as a kernel reads it.
  const foreign = Buffer.concat([Buffer.from('7f454c46020101', 'hex'), Buffer.alloc(57)])
  for (const path of [join(prebuilt, other, 'launch'), join(release, 'launch')])
    fs.writeFileSync(path, foreign, { mode: 0o755 })
  const { status, stdout, stderr } = run(folder, '--version')
  assert.deepEqual([status, stderr], [0, ''])
  assert.match(stdout, /stratafs \d/)
})

test('the command runs where the launcher’s C library is not: a root with musl or none', needsRoot, (t) => {
  if (!fs.existsSync('/bin/busybox')) return t.skip('busybox-static is not installed')
  const base = join(place, 'no-glibc')
  const inside = join(base, 'stratafs')
  fs.mkdirSync(join(base, 'bin'), { recursive: true })
  fs.copyFileSync('/bin/busybox', join(base, 'bin/busybox'))
  for (const name of ['sh', 'uname', 'readlink']) fs.symlinkSync('busybox', join(base, 'bin', name))
  fs.writeFileSync(join(base, 'bin/node'), '#!/bin/sh\necho node "$@"\n', { mode: 0o755 })
  for (const path of ['scripts/stratafs', `native-bindings/prebuilt/${MACHINE}/launch`])
    fs.cpSync(join(place, 'node_modules/stratafs', path), join(inside, path))
  const run = spawnSync('chroot', [base, '/stratafs/scripts/stratafs', '--version'], {
    encoding: 'utf8',
    env: { PATH: '/bin:/usr/sbin:/usr/bin:/sbin' },
  })
  assert.deepEqual([run.stdout, run.stderr], ['node /stratafs/dist/src/cli/stratafs.cjs --version\n', ''])
})

/** Takes the packages' own better-sqlite3 away, and leaves one in node_modules that was built for another Node. */
function spoilSqlite(folder: string): void {
  for (const name of ['better-sqlite3', 'better-sqlite3-napi']) {
    fs.rmSync(join(folder, 'native-bindings/prebuilt/packages', name), { recursive: true })
    const there = join(folder, '..', name)
    fs.mkdirSync(there)
    const message = `The module was compiled against a different Node.js version using\\nNODE_MODULE_VERSION 108.`
    const text = `module.exports = class { constructor() { throw Object.assign(new Error('${message}'), { code: 'ERR_DLOPEN_FAILED' }) } }`
    fs.writeFileSync(join(there, 'index.js'), text)
  }
}

test(
  'better-sqlite3 of another Node: index says which, and what to run; no index is thought to be damaged',
  needsRoot,
  async () => {
    const whole = join(place, 'node_modules/stratafs')
    const { merged, work, lower, options } = ground('other-node')
    assert.equal(run(whole, 'index', 'build', ...options).status, 0)
    const folder = copy('other-node')
    spoilSqlite(folder)
    const words = /was built for Node 18 \(ABI 108\), and this is Node v\d+.*npm rebuild better-sqlite3/
    for (const verb of ['build', 'verify', 'status']) {
      const { stdout, stderr } = run(folder, 'index', verb, ...options)
      assert.match(stdout + stderr, words, verb)
      assert.doesNotMatch(stdout + stderr, /ERR_DLOPEN_FAILED/, verb)
    }
    assert.equal(run(folder, 'mount', '--lower', lower, ...options.slice(2), merged).status, 0)
    try {
      const isTold = () => run(folder, 'inspect', merged).stdout.includes('was built for Node 18')
      assert.ok(await eventually(isTold, 10_000), run(folder, 'inspect', merged).stdout)
    } finally {
      assert.equal(run(folder, 'unmount', merged).status, 0)
    }
    assert.ok(fs.readdirSync(work).includes('index.db'))
    assert.deepEqual(
      fs.readdirSync(work).filter((name) => name.includes('damaged')),
      [],
    )
  },
)
