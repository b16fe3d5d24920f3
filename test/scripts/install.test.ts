/**
 * scripts/install.sh in a temp prefix: what it puts there runs on its own, an update replaces it, what belongs to
 * others is left alone, and an uninstall leaves nothing.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { checkoutRoot } from '../../scripts/checkout.js'

const root = checkoutRoot()
let prefix = ''
const THEIRS = ['theirs', 'theirs/fuse-overlayfs']

before(() => {
  prefix = mkdtempSync(join(tmpdir(), 'stratafs-install-'))
})

after(() => rmSync(prefix, { recursive: true, force: true }))

/** Runs the script; its exit status and everything it said. */
function install(...args: string[]): { status: number | null; said: string } {
  const run = spawnSync('bash', [join(root, 'scripts/install.sh'), '--prefix', prefix, ...args], { encoding: 'utf8' })
  return { status: run.status, said: run.stdout + run.stderr }
}

test('an install is whole: it runs from its prefix, under every name', () => {
  const { status, said } = install('--as-fuse-overlayfs', join(prefix, 'libexec'))
  assert.equal(status, 0, said)
  writeFileSync(join(prefix, 'share/man/man1/theirs.1'), '')
  for (const name of [
    'bin/stratafs',
    'sbin/mount.fuse.stratafs',
    'sbin/mount.fuse3.stratafs',
    'libexec/fuse-overlayfs',
  ]) {
    assert.equal(readlinkSync(join(prefix, name)), join(prefix, 'lib/stratafs/native-bindings/build/Release/launch'))
    const run = spawnSync(join(prefix, name), ['--version'], { encoding: 'utf8', cwd: '/', env: { PATH: '/nowhere' } })
    assert.equal(run.status, 0, `${name} --version: ${run.stderr}`)
    assert.match(run.stdout, /\d+\.\d+\.\d+/)
  }
})

test('the manual is where man(1) looks for it', () => {
  for (const page of ['man1/stratafs.1', 'man1/stratafs-image-mount.1', 'man8/mount.fuse.stratafs.8'])
    assert.match(readFileSync(join(prefix, 'share/man', page), 'utf8'), /^\.TH /)
})

test('what only development needs stays behind', () => {
  const modules = readdirSync(join(prefix, 'lib/stratafs/node_modules'))
  for (const name of ['pino', 'yargs']) assert.ok(modules.includes(name), name)
  for (const name of ['typescript', '@biomejs', 'better-sqlite3', 'tar-stream'])
    assert.ok(!modules.includes(name), name)
})

test('a second install takes the place of the first', () => {
  writeFileSync(join(prefix, 'lib/stratafs/stale'), '')
  const { status, said } = install()
  assert.equal(status, 0, said)
  assert.ok(!existsSync(join(prefix, 'lib/stratafs/stale')))
  assert.ok(!existsSync(join(prefix, 'libexec/fuse-overlayfs')), 'a name no longer asked for is gone')
})

test('a file of somebody else is never replaced', () => {
  mkdirSync(join(prefix, 'theirs'))
  writeFileSync(join(prefix, 'theirs/fuse-overlayfs'), 'theirs')
  const { status, said } = install('--as-fuse-overlayfs', join(prefix, 'theirs'))
  assert.equal(status, 1)
  assert.match(said, /theirs\/fuse-overlayfs exists/)
})

test('the systemd unit and completions are where they are looked for', () => {
  const unit = readFileSync(join(prefix, 'lib/systemd/system/stratafs@.service'), 'utf8')
  assert.match(unit, new RegExp(`^ExecStart=${prefix}/bin/stratafs -f `, 'm'))
  for (const [shell, path] of [
    ['bash', 'bash-completion/completions/stratafs'],
    ['zsh', 'zsh/site-functions/_stratafs'],
    ['fish', 'fish/vendor_completions.d/stratafs.fish'],
  ] as const) {
    const words = [join(root, 'dist/src/cli/stratafs.cjs'), 'completion', shell]
    const { status, stdout } = spawnSync(process.execPath, words, { encoding: 'utf8' })
    const there = join(prefix, 'share', path)
    assert.equal(existsSync(there) ? readFileSync(there, 'utf8') : null, status === 0 ? stdout : null)
  }
})

test('wrong arguments are named', () => {
  assert.match(install('--as-podman').said, /unknown argument '--as-podman'/)
})

test('an uninstall leaves nothing of it', () => {
  const { status, said } = install('--uninstall')
  assert.equal(status, 0, said)
  const left = readdirSync(prefix, { recursive: true }).sort()
  // A folder that was there, with a file of somebody else's.
  assert.deepEqual(left, ['share', 'share/man', 'share/man/man1', 'share/man/man1/theirs.1', ...THEIRS])
  assert.match(install('--uninstall').said, /nothing is installed/)
})
