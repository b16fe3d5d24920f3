/**
 * The joined files (scripts/bundle-dist.ts): they are made of the modules that lie beside them, V8 takes the code kept
 * for them, an error in them names its source; and a tree as tsc leaves it, without them, says and does the same.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { Script } from 'node:vm'
import { cacheName, MARK } from '../../scripts/bundle/start-text.js'
import { joinAll, PLACES } from '../../scripts/bundle-dist.js'
import { checkoutRoot } from '../../scripts/checkout.js'
import { sourceStack } from '../../src/base/source-stack.js'
import { needsRoot, workspace } from '../daemon/harness.js'

const root = checkoutRoot()
const outputs = join(root, 'dist/src')
const joinedHere = readFileSync(join(outputs, 'cli/stratafs.cjs'), 'utf8').includes(MARK)
const needsJoined = { skip: joinedHere ? false : 'the modules are not joined here: npm run build:ts, with esbuild' }

/** A copy of the package, as tsc alone leaves it: `.cjs` outputs say no more than their `.cts` sources. */
let copy = ''

before(() => {
  copy = mkdtempSync(join(tmpdir(), 'stratafs-join-'))
  cpSync(outputs, join(copy, 'dist/src'), { recursive: true, filter: (path) => !path.endsWith('.d.ts') })
  rmSync(join(copy, 'dist/src/joined'), { recursive: true, force: true })
  cpSync(join(root, 'package.json'), join(copy, 'package.json'))
  mkdirSync(join(copy, 'native-bindings'))
  for (const name of ['node_modules', 'native-bindings/build']) symlinkSync(join(root, name), join(copy, name))
  for (const { begin } of PLACES) {
    cpSync(join(root, `src/${begin}.cts`), join(copy, `dist/src/${begin}.cjs`))
  }
})

after(() => rmSync(copy, { recursive: true, force: true }))

/** The joined files of a dist/src without code and maps, sorted. */
function joinedFiles(where: string): string[] {
  return readdirSync(join(where, 'joined'))
    .filter((name) => name.endsWith('.cjs'))
    .sort()
}

test('each file that begins something is put back by tsc, and loads modules that are there', () => {
  for (const { begin, modules } of PLACES) {
    const source = readFileSync(join(root, `src/${begin}.cts`), 'utf8')
    const [, loaded] = /^(?:void|export =) import\('(.*)'\)$/m.exec(source) ?? []
    assert.equal(join(dirname(begin), loaded ?? ''), `${modules}.js`)
    assert.ok(existsSync(join(outputs, `${modules}.js`)), modules)
  }
})

/** Mounts with `command`, in both forms, reads through the mount, and unmounts. */
function mountBothWays(t: TestContext, command: string): void {
  const space = workspace(t)
  const run = (...args: string[]) => {
    const { status, stderr } = spawnSync(process.execPath, [command, ...args], { env: space.env, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  }
  run('-o', space.options, space.merged)
  assert.equal(readFileSync(join(space.merged, 'b'), 'utf8'), 'base b\n')
  run('unmount', space.merged)
  run('mount', '--lower', space.base, space.merged)
  assert.equal(readFileSync(join(space.merged, 'a'), 'utf8'), 'base a\n')
  run('unmount', space.merged)
}

test('a tree without joined files mounts', needsRoot, (t) => mountBothWays(t, join(copy, 'dist/src/cli/stratafs.cjs')))

test('the joined command mounts', { skip: needsRoot.skip || needsJoined.skip }, (t) =>
  mountBothWays(t, join(outputs, 'cli/stratafs.cjs')),
)

test('both say the same', needsJoined, () => {
  for (const words of [['--help'], ['mount', '--help'], ['image', '--help'], ['-V'], ['bogus'], ['inspect', '/'], []]) {
    const [joined, plain] = [outputs, join(copy, 'dist/src')].map((where) => {
      const run = spawnSync(process.execPath, [join(where, 'cli/stratafs.cjs'), ...words], { encoding: 'utf8' })
      return [run.status, run.stdout, run.stderr]
    })
    assert.deepEqual(joined, plain, words.join(' '))
  }
})

test('the joined files are those of the modules beside them, and nothing else lies there', needsJoined, async () => {
  assert.ok(await joinAll(join(copy, 'dist/src')))
  assert.deepEqual(joinedFiles(outputs), joinedFiles(join(copy, 'dist/src')))
  for (const { begin } of PLACES) {
    const [here, there] = [outputs, join(copy, 'dist/src')].map((where) =>
      readFileSync(join(where, `${begin}.cjs`), 'utf8'),
    )
    assert.equal(here, there)
  }
})

test('V8 takes the code that is kept for them', needsJoined, () => {
  for (const name of joinedFiles(outputs)) {
    const file = join(outputs, 'joined', name)
    const cachedData = readFileSync(cacheName(file))
    const { cachedDataRejected } = new Script(readFileSync(file, 'latin1'), { filename: file, cachedData })
    assert.equal(cachedDataRejected, false, name)
  }
})

test('an error in a joined or compiled file names its source', needsJoined, () => {
  assert.match(sourceStack(new Error('here')), /^Error: here\n.*\/test\/scripts\/bundle-dist\.test\.ts:\d+:\d+/)
  const file = join(outputs, 'joined', joinedFiles(outputs).find((name) => name.startsWith('engine-worker'))!)
  const before = readFileSync(file, 'latin1').split('has not been built')[0]!.split('\n')
  const place = `${file}:${before.length}:${before.at(-1)!.length + 1}`
  const lines = readFileSync(join(root, 'src/syscalls/native.ts'), 'utf8').split('\n')
  const line = lines.findIndex((text) => text.includes('has not been built')) + 1
  const told = sourceStack(Object.assign(new Error('x'), { stack: `Error: x\n    at load (${place})` }))
  assert.ok(told.startsWith(`Error: x\n    at load (${join(root, 'src/syscalls/native.ts')}:${line}:`), told)
})

test('without esbuild nothing is joined, and the build says so', () => {
  const bare = mkdtempSync(join(tmpdir(), 'stratafs-join-bare-'))
  try {
    cpSync(join(root, 'dist/scripts'), join(bare, 'dist/scripts'), { recursive: true })
    cpSync(join(root, 'package.json'), join(bare, 'package.json'))
    const run = spawnSync(process.execPath, [join(bare, 'dist/scripts/bundle-dist.js')], { encoding: 'utf8', env: {} })
    assert.equal(run.status, 0, run.stderr)
    assert.match(run.stderr, /^join: no esbuild here .* start slower\n$/)
    assert.ok(!existsSync(join(bare, 'dist/src')))
  } finally {
    rmSync(bare, { recursive: true, force: true })
  }
})
