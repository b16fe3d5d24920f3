/**
 * The programs in examples/, run as a reader would run them: against the package's own entry, with real layers and
 * mounts.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { checkoutRoot } from '../../scripts/checkout.js'
import { needsRoot, workspace } from '../daemon/harness.js'
import { archive, directory, file } from '../oci/archive.js'

const folder = join(checkoutRoot(), 'examples')
const EXAMPLES = ['commit-image', 'diff-to-tar', 'mount-and-look', 'watch-stats', 'which-layer']

interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

function example(name: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Ran {
  const options = { encoding: 'utf8', env, timeout: 60_000 } as const
  return spawnSync(process.execPath, [join(folder, `${name}.mjs`), ...args], options)
}

/** Two layers and an upper directory, without a mount. */
function layers(t: TestContext): { top: string; base: string; upper: string; root: string } {
  const root = mkdtempSync(join(tmpdir(), 'stratafs-examples-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const [top, base, upper] = ['top', 'base', 'upper'].map((name) => join(root, name)) as [string, string, string]
  for (const path of [top, base, upper]) mkdirSync(path)
  writeFileSync(join(top, 'a'), 'top a\n')
  writeFileSync(join(base, 'a'), 'base a\n')
  writeFileSync(join(base, 'b'), 'base b\n')
  return { top, base, upper, root }
}

test('every example is tested here', () => {
  assert.deepEqual(readdirSync(folder).sort(), EXAMPLES.map((name) => `${name}.mjs`).sort())
})

for (const name of EXAMPLES) {
  test(`${name} says how it is used`, () => {
    const { status, stderr } = example(name, [])
    assert.equal(status, 2)
    assert.match(stderr, new RegExp(`^usage: node ${name}\\.mjs [A-Z]`))
  })
}

test('mount-and-look', needsRoot, (t) => {
  const w = workspace(t)
  const { status, stdout, stderr } = example('mount-and-look', [w.merged, w.upper, w.top, w.base], w.env)
  assert.deepEqual([status, stderr], [0, ''])
  assert.match(stdout, new RegExp(`^a b\nrw, served by process \\d+, changes in ${w.upper}\n$`))
  assert.equal(readFileSync(join(w.upper, 'written-through-the-mount'), 'utf8'), 'hello\n')
  assert.ok(!w.isMounted())
})

test('which-layer', (t) => {
  const { top, base } = layers(t)
  const found = example('which-layer', ['a', top, base])
  assert.deepEqual([found.status, found.stderr], [0, ''])
  assert.match(found.stdout, new RegExp(`^a is ${top}/a\n {2}also in ${base}: `))
  const missing = example('which-layer', ['none', top, base])
  assert.equal(missing.status, 1)
  assert.match(missing.stderr, /^NOT_FOUND: none does not exist/)
})

test('diff-to-tar', (t) => {
  const { top, base, upper, root } = layers(t)
  writeFileSync(join(upper, 'new'), 'new\n')
  const { status, stdout, stderr } = example('diff-to-tar', [upper, join(root, 'out.tar'), top, base])
  assert.deepEqual([status, stderr], [0, ''])
  assert.match(stdout, /^A file \/new\n.*out\.tar: 2 entries, 0 whiteouts, sha256:[0-9a-f]{64}\n$/)
  assert.ok(readFileSync(join(root, 'out.tar')).includes('new\n'))
})

test('commit-image', needsRoot, (t) => {
  const w = workspace(t)
  const at = (name: string) => join(w.root, name)
  writeFileSync(at('rootfs.tar'), archive(directory('./'), directory('etc/'), file('etc/a', 'base')))
  const env = { ...w.env, STRATAFS_STORE: at('store') }
  const { status, stdout, stderr } = example('commit-image', [at('rootfs.tar'), at('images'), w.merged], env)
  assert.deepEqual([status, stderr], [0, ''])
  assert.match(stdout, /images:app has 2 layers, manifest sha256:/)
  assert.match(stdout, /stratafs commit {2}with a file more\n.*stratafs image import/)
  assert.ok(!w.isMounted())
})

test('watch-stats', needsRoot, (t) => {
  const w = workspace(t)
  assert.equal(w.run('mount', '-o', w.options, w.merged).status, 0)
  const { status, stdout, stderr } = example('watch-stats', [w.merged, '1'], w.env)
  assert.deepEqual([status, stderr], [0, ''])
  assert.match(stdout, /^\d+ requests\/s, 0 bytes copied up, \d+ MB\n$/)
  assert.equal(w.run('unmount', w.merged).status, 0)
  const over = example('watch-stats', [w.merged, '1'], w.env)
  assert.equal(over.status, 1)
  assert.match(over.stderr, /is not a stratafs mount/)
})
