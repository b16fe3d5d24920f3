/** The README's first mount, pasted: the block as it stands there, by root and by an ordinary user. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { checkoutRoot } from '../../scripts/checkout.js'
import { LAUNCH, needsRoot } from '../daemon/harness.js'
import { notInstalled } from '../tools/installed.js'

function block(): string {
  const page = readFileSync(join(checkoutRoot(), 'README.md'), 'utf8')
  const found = /^A first mount[\s\S]*?^```sh\n([\s\S]*?)^```/m.exec(page)?.[1]
  assert.ok(found, 'README.md has it')
  assert.equal(found.trim().split('\n').length, 5)
  return found
}

/** In namespaces of its own, where /tmp is nobody's and /dev/fuse everybody's. */
function paste(t: TestContext, as: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const place = mkdtempSync(join(tmpdir(), 'stratafs-readme-'))
  t.after(() => rmSync(place, { recursive: true, force: true }))
  chmodSync(place, 0o755)
  mkdirSync(join(place, 'bin'))
  mkdirSync(join(place, 'tmp'))
  symlinkSync(LAUNCH, join(place, 'bin/stratafs'))
  const script = `umount -a -l -t fuse.stratafs 2>/dev/null || true
    mknod "$0/fuse" c 10 229; chmod 666 "$0/fuse"; mount --bind "$0/fuse" /dev/fuse
    mount -t tmpfs -o mode=1777 none "$0/tmp"
    exec "$@"`
  const bash = ['bash', '--norc', '-ec']
  const words = ['-m', '--propagation', 'private', ...bash, script, place, ...as, ...bash]
  const env = { PATH: `${place}/bin:${process.env.PATH}`, STRATAFS_TEST_RUN: process.env.STRATAFS_TEST_RUN }
  const pasted = block().replaceAll('/tmp/', `${place}/tmp/`)
  return spawnSync('unshare', [...words, pasted], { encoding: 'utf8', env, timeout: 60_000, cwd: '/' })
}

const OUTPUT = 'from base\nfrom app\nfrom base\nchanged\n'

for (const [who, as] of [
  ['root', []],
  ['an ordinary user', ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']],
] as const)
  test(`the first mount of the README can be pasted: ${who}`, {
    skip: needsRoot.skip || notInstalled('fusermount3') || notInstalled('setpriv'),
  }, (t) => {
    const { status, stdout, stderr } = paste(t, as)
    assert.deepEqual([status, stdout, stderr], [0, OUTPUT, ''])
  })
