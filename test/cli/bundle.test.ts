/**
 * `stratafs bundle`: the config.json it writes is what `runc spec` writes but for the root and what was asked for, and
 * what cannot be done is refused with nothing written. That the bundles run is shown in test/attach.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseUser } from '../../src/cli/commands/bundle-command.js'
import { type BundleChoices, bundleConfig } from '../../src/oci/bundle/bundle-config.js'
import { needsRoot, workspace } from '../daemon/harness.js'

const choices: BundleChoices = {
  root: 'rootfs',
  readonly: true,
  command: ['sh'],
  uid: 0,
  gid: 0,
  terminal: true,
  owner: null,
}
const runc = { skip: spawnSync('runc', ['--version']).status === 0 ? false : 'runc is not installed' }

/** What `runc spec` writes here. */
function spec(...options: string[]): Record<string, unknown> {
  const directory = mkdtempSync(join(tmpdir(), 'stratafs-spec-'))
  try {
    const { status, stderr } = spawnSync('runc', ['spec', ...options], { cwd: directory, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    return JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8'))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Without what may differ between versions, and with lists that mean sets in one order. */
function comparable(config: Record<string, unknown>): unknown {
  const { ociVersion: _version, hostname: _hostname, ...rest } = structuredClone(config)
  const linux = rest.linux as Record<'namespaces' | 'maskedPaths' | 'readonlyPaths', unknown[]>
  for (const name of ['namespaces', 'maskedPaths', 'readonlyPaths'] as const)
    linux[name] = linux[name].map((item) => JSON.stringify(item)).sort()
  const namespaces = linux.namespaces.filter((item) => item !== '{"type":"cgroup"}')
  return { ...rest, linux: { ...linux, namespaces } }
}

test('the config is what runc spec writes', runc, () => {
  assert.deepEqual(comparable(bundleConfig(choices)), comparable(spec()))
})

test('an ordinary user’s config is what runc spec --rootless writes', runc, () => {
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  assert.deepEqual(comparable(bundleConfig({ ...choices, owner })), comparable(spec('--rootless')))
})

const users: [text: string, expected: ReturnType<typeof parseUser>][] = [
  ['0', { uid: 0, gid: 0 }],
  ['1000', { uid: 1000, gid: 1000 }],
  ['1000:5', { uid: 1000, gid: 5 }],
  ['root', null],
  ['-1', null],
  ['1:2:3', null],
  ['4294967295', null],
  ['', null],
]
for (const [text, expected] of users) {
  test(`--user ${JSON.stringify(text)}`, () => assert.deepEqual(parseUser(text), expected))
}

test('a bundle of a mount, and what is refused', needsRoot, (t) => {
  const w = workspace(t)
  const box = join(w.root, 'box')
  assert.equal(w.run('-o', w.options, w.merged).status, 0)
  const made = w.run('bundle', '--json', '--user', '1000:5', w.merged, box, '--', 'ls', '-la')
  assert.equal(made.status, 0, made.stderr)
  const told = { schemaVersion: 1, directory: box, config: join(box, 'config.json'), mountpoint: w.merged }
  assert.deepEqual(JSON.parse(made.stdout), told)
  const config = JSON.parse(readFileSync(join(box, 'config.json'), 'utf8'))
  assert.deepEqual(config.root, { path: w.merged, readonly: false })
  assert.deepEqual(config.process.args, ['ls', '-la'])
  assert.deepEqual(config.process.user, { uid: 1000, gid: 5 })

  const refused: [words: RegExp, args: string[]][] = [
    [/config\.json is there already: remove it/, [w.merged, box]],
    [/is not a stratafs mount/, [w.upper, join(w.root, 'none')]],
    [/no UID or UID:GID/, ['--user', 'root', w.merged, join(w.root, 'none')]],
    [/cannot be written: not a directory/, [w.merged, join(w.root, 'file/none')]],
  ]
  writeFileSync(join(w.root, 'file'), '')
  for (const [words, args] of refused) {
    const { status, stderr } = w.run('bundle', ...args)
    assert.notEqual(status, 0)
    assert.match(stderr, words)
  }
  assert.ok(!existsSync(join(w.root, 'none')))
})

test('a mount without an upper gets a read-only root', needsRoot, (t) => {
  const w = workspace(t)
  mkdirSync(join(w.root, 'box'))
  assert.equal(w.run('-o', `lowerdir=${w.top}:${w.base}`, w.merged).status, 0)
  const made = w.run('bundle', 'merged', 'box')
  assert.equal(made.status, 0, made.stderr)
  assert.match(made.stdout, /runc run -b \S+\/box NAME/)
  assert.equal(JSON.parse(readFileSync(join(w.root, 'box/config.json'), 'utf8')).root.readonly, true)
})
